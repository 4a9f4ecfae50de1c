/** One procedure: a question at a time, then the guide of this case. The address carries the answers. */
import { basis } from './basis.js';
import { checklist } from './checklist.js';
import { fill, h } from './dom.js';
import { icon } from './icons.js';
import { askUs, basisOnPaper, get, head, sentence, titled, trouble } from './page.js';
import { words } from './words.js';

const UP = { href: '/procedures', word: '办事指南' };
const TICKED = ['materials', 'steps'];
const SHORT = ['where', 'time', 'fee'];

/** @param {HTMLElement} main */
export function showGuide(main) {
  let latest = 0;

  async function draw(moved) {
    const mine = (latest += 1);
    const answer = await fetchGuide();
    if (mine !== latest) return;
    if (answer.status !== 200) return fill(main, trouble(answer, UP, () => draw(moved)));
    const guide = answer.body;
    history.replaceState(history.state, '', address(guide.answers));
    fill(main, guide.question ? question(guide) : whole(guide));
    if (!moved) return;
    scrollTo({ top: 0 });
    main.querySelector(guide.question ? '#question' : 'h1').focus();
  }

  main.addEventListener('click', (event) => {
    const link = event.target.closest('a[data-step]');
    if (!link || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    if (link.dataset.step === 'back' && history.state?.step) return history.back();
    history.pushState({ step: true }, '', link.href);
    draw(true);
  });
  addEventListener('popstate', () => draw(true));
  draw(false);
}

/** What messengers add to an address is dropped; an answer that there no longer is, is asked anew. */
async function fetchGuide() {
  const query = new URLSearchParams(location.search);
  for (;;) {
    const answer = await get(`/api/v1${location.pathname}?${query}`);
    const field = answer.body?.field;
    if (answer.status !== 422 || !query.has(field)) return answer;
    query.delete(field);
  }
}

function address(answers) {
  const query = String(new URLSearchParams(answers));
  return query ? `${location.pathname}?${query}` : location.pathname;
}

function without(answers, name) {
  return address(Object.fromEntries(Object.entries(answers).filter(([known]) => known !== name)));
}

function question(guide) {
  const { question: asked, given, answers } = guide;
  titled(asked.ask, guide.title);
  return [head(UP, guide.title, guide.about), given.length > 0 && answered(guide),
    h('section', { class: 'pane', 'aria-labelledby': 'question' },
      h('p', { class: 'kicker' }, `第 ${given.length + 1} 问`),
      h('h2', { id: 'question', tabindex: '-1' }, asked.ask),
      asked.hint && h('p', { class: 'hint' }, sentence(asked.hint)),
      h('ul', { class: 'choices' }, asked.options.map(({ value, label }) =>
        h('li', null, h('a', { class: 'choice', href: address({ ...answers, [asked.name]: value }), 'data-step': 'answer' }, h('span', null, label), icon('right')))))),
    given.length > 0 && ways(guide), askUs(guide.title)];
}

/** What was answered, each with a way to change it. */
function answered({ given, answers }) {
  return h('ul', { class: 'given', 'aria-label': '您的回答' }, given.map(({ name, ask, label }) =>
    h('li', null, h('span', null, h('small', null, ask), h('b', null, label)),
      h('a', { class: 'btn btn--quiet btn--sm', href: without(answers, name), 'data-step': 'change' }, '改', h('span', { class: 'vh' }, ask)))));
}

function ways({ given, answers }) {
  return h('p', { class: 'row ways' },
    h('a', { class: 'btn', href: without(answers, given[given.length - 1].name), 'data-step': 'back' }, icon('left'), '上一步'),
    h('a', { class: 'btn btn--plain', href: location.pathname, 'data-step': 'again' }, '重新选'));
}

function whole(guide) {
  const section = Object.fromEntries(guide.sections.map((s) => [s.name, s]));
  const told = (names) => names.map((name) => section[name]).filter(Boolean);
  titled(guide.title);
  return [head(UP, guide.title, guide.about), guide.given.length > 0 && answered(guide),
    guide.confirm.map((text) => h('p', { class: 'note' }, icon('warn'), h('span', null, sentence(text)))),
    told(['conditions']).map(plain),
    h('dl', { class: 'pane short' }, told(SHORT).map(({ heading, lines }) => h('div', null, h('dt', null, heading), lines.map((line) => h('dd', null, sentence(line)))))),
    checklist(guide.id, told(TICKED)),
    told(['result', 'refused', 'notes']).map(plain),
    guide.sources.length > 0 && basis(guide.sources, words('zh-CN')),
    basisOnPaper(guide.sources, guide.checked),
    guide.given.length > 0 && ways(guide), askUs(guide.title)];
}

function plain({ heading, lines }) {
  return h('section', { class: 'told' }, h('h2', null, heading), h('ul', { class: 'list' }, lines.map((line) => h('li', null, sentence(line)))));
}
