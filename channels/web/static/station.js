/** The service station: what the public JSON lists, a box to ask in, and the window beside it. */
import './chat.js';
import { length } from './composer.js';
import { fill, h, say } from './dom.js';
import { icon } from './icons.js';
import { follow, takeLink } from './linked.js';
import { choose, look, onLook, shade, wear } from './look.js';
import { fetchStation, valid, notice, questions, rows } from './welcome.js';
import { words } from './words.js';

const LIMIT = 500;
const TILES = 6;
const NEWS_EVERY = 60_000; // milliseconds between looks for notices on a page that stays open
const WIDE = matchMedia('(min-width: 960px)');
const STILL = matchMedia('(prefers-reduced-motion: reduce)');

const PAGE = {
  'zh-CN': {
    skip: '跳到提问框', h1: '您想办什么事？', ask: '提问', label: '您的问题', example: (q) => `比如：${q}`,
    sub: '养老、医保、失业、工伤、生育、社保卡，直接问。这里由 AI 智能助手答复，写明依据和日期；说不清的，随时转人工。',
    secrets: '咨询政策不需要提供身份证号、密码或验证码', foot: '答复仅供参考，以参保地经办机构核定为准。',
    hot: '大家常问', topics: '按事项找', procedures: '办事指南', calculators: '算一算', all: '全部', ways: ['提问', '办事指南', '算一算'], contact: '时间和电话', hours: '人工服务时间',
    notices: '提醒', loading: '正在取常见问题', failed: '常见问题暂时没有取到，您可以直接提问。', retry: '再取一次', count: (n) => `${n} 个问题`,
    light: '浅色', dark: '深色', other: 'English',
  },
  en: {
    skip: 'Skip to the question box', h1: 'How can we help?', ask: 'Ask', label: 'Your question', example: (q) => `For example: ${q}`,
    sub: 'Pensions, health, unemployment, work injury, maternity, social security card. An AI assistant answers, in Chinese only, with legal basis and date; a person is one press away.',
    secrets: 'Never send ID numbers, passwords or codes', foot: 'Answers are for reference; the decision of the competent office counts.',
    hot: 'Common questions', topics: 'By subject', procedures: 'Procedures', calculators: 'Calculators', all: 'All', ways: ['Ask', 'Procedures', 'Calculators'], contact: 'Hours and telephones', hours: 'A person answers',
    notices: 'Notices', loading: 'Fetching common questions', failed: 'Common questions could not be fetched. You can ask all the same.', retry: 'Try again', count: (n) => `${n} questions`,
    light: 'Light', dark: 'Dark', other: '中文',
  },
};

const at = (id) => document.getElementById(id);
const chat = document.createElement('shebao-chat');
let station = null;
let failed = false;

const link = takeLink();
if (link) follow(link).then((lost) => {
  begin();
  wrong(lost);
});
else begin();

function begin() {
  wear(document.documentElement);
  chat.setAttribute('inline', '');
  const scene = sceneOf(location.pathname);
  if (scene) chat.setAttribute('scene', scene);
  at('talk').append(chat);

  at('elder').addEventListener('click', () => choose({ elder: !look().elder }));
  at('theme').addEventListener('click', () => choose({ theme: shade() === 'dark' ? 'light' : 'dark' }));
  at('locale').addEventListener('click', () => choose({ locale: look().locale === 'en' ? 'zh-CN' : 'en' }));
  at('ask-form').addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  at('ask').addEventListener('keydown', (event) => {
    // 229: an input method is composing; some of them do not set `isComposing`.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    submit();
  });
  at('ask').addEventListener('input', () => wrong(''));
  chat.addEventListener('back', () => {
    scrollTo({ top: 0, behavior: STILL.matches ? 'auto' : 'smooth' });
    at('ask').focus({ preventScroll: true });
  });
  prefill(new URLSearchParams(location.search).get('ask'));
  onLook(draw);
  draw();
  fetchLists();
  setInterval(() => document.visibilityState === 'visible' && fetchNotices(), NEWS_EVERY);
}

/** Notices that came or ended meanwhile; the lists stay as they are under the reader's eyes. */
async function fetchNotices() {
  const fresh = await fetchStation('');
  if (!fresh || !station) return;
  station = { ...station, notices: fresh.notices, switched_off: fresh.switched_off };
  drawNotices(PAGE[look().locale]);
}

/** `/s/CODE` → CODE: a printed code or a short link opens the page with its own greeting. */
function sceneOf(path) {
  const found = /\/s\/([^/]+)\/?$/.exec(path);
  try {
    return found ? decodeURIComponent(found[1]) : '';
  } catch {
    return '';
  }
}

/** A page of ours leads here with the beginning of a question; it is asked only when the citizen sends it. */
function prefill(text) {
  if (!text) return;
  at('ask').value = [...text].slice(0, LIMIT).join('');
  at('ask').focus();
}

async function fetchLists() {
  failed = false;
  station = await fetchStation('');
  failed = !station;
  draw();
}

function submit() {
  const { errors } = words(look().locale);
  const text = at('ask').value.trim();
  if (!text) return wrong(errors.empty);
  if (length(text) > LIMIT) return wrong(errors.too_long);
  at('ask').value = '';
  ask(text);
}

function wrong(sentence) {
  at('ask-error').hidden = !sentence;
  say(at('ask-error'), sentence);
  if (sentence) at('ask').setAttribute('aria-invalid', 'true');
  else at('ask').removeAttribute('aria-invalid');
}

async function ask(text) {
  await chat.ask(text);
  if (!WIDE.matches) at('talk').scrollIntoView({ behavior: STILL.matches ? 'auto' : 'smooth', block: 'start' });
}

function draw() {
  wear(document.documentElement);
  const { locale, elder } = look();
  const p = PAGE[locale];
  const w = words(locale);
  say(at('skip'), p.skip);
  say(at('h1'), p.h1);
  say(at('sub'), p.sub);
  say(at('ask-label'), p.label);
  say(at('ask-button'), p.ask);
  say(at('secrets'), p.secrets);
  say(at('foot'), p.foot);
  say(at('elder'), elder ? w.standard : w.bigger);
  if (elder) at('elder').removeAttribute('aria-label');
  else at('elder').setAttribute('aria-label', w.biggerLabel);
  say(at('theme'), shade() === 'dark' ? p.light : p.dark);
  [...at('ways').children].forEach((way, n) => say(way, p.ways[n]));
  say(at('locale'), p.other);
  at('locale').lang = locale === 'en' ? 'zh-CN' : 'en';
  say(at('name'), station?.name || '社保易答');
  say(at('city'), station?.city || '');
  document.title = [station?.name || '社保易答', station?.city].filter(Boolean).join(' · ');
  const example = rows(station?.hot)[0];
  if (example) at('ask').placeholder = p.example(example);
  drawLists(p);
}

function drawNotices(p) {
  const rests = station?.switched_off;
  const notices = [...(rests ? [{ text: rests, kind: 'emergency' }] : []), ...valid(station?.notices)];
  fill(at('notices'), notices.length > 0 && h('section', { class: 'stack', 'aria-label': p.notices }, notices.map(notice)));
}

function drawLists(p) {
  drawNotices(p);
  if (failed) return fill(at('lists'), h('p', { class: 'note note--info' }, p.failed), h('p', null, h('button', { class: 'btn', type: 'button', onclick: fetchLists }, p.retry)));
  if (!station) return;
  const hot = rows(station.hot);
  fill(at('lists'),
    hot.length > 0 && section(p.hot, h('div', { class: 'card' }, questions(hot, ask))),
    topics(p),
    pages(p.procedures, '/procedures', rows(station.procedures).map((row) => [row.id, row.title]), p.all),
    pages(p.calculators, '/calculators', rows(station.calculators).map((row) => [row.name, row.title]), p.all),
    contact(p));
}

function topics(p) {
  const list = rows(station.topics).filter((t) => rows(t.questions).length);
  return list.length > 0 && section(p.topics, h('div', { class: 'topics' }, list.map((topic) =>
    h('details', { class: 'topic' },
      h('summary', null, h('span', { lang: 'zh-CN' }, topic.name), h('span', { class: 'tiny' }, p.count(rows(topic.questions).length)), icon('down', 'chev')),
      questions(topic.questions, ask)))));
}

/** The first procedures or calculators as links to their pages, and a link to all. */
function pages(title, folder, list, all) {
  const link = (href, ...words) => h('li', null, h('a', { class: 'btn', href }, words));
  return list.length > 0 && section(title, h('ul', { class: 'tiles' },
    list.slice(0, TILES).map(([name, word]) => link(`${folder}/${encodeURIComponent(name)}`, h('span', { lang: 'zh-CN' }, word))),
    list.length > TILES && link(folder, all, icon('right'))));
}

function contact(p) {
  const phones = rows(station.phones).filter((phone) => phone.number);
  if (!phones.length && !station.hours) return null;
  return section(p.contact, h('div', { class: 'card contact' },
    station.hours && h('p', null, icon('clock'), h('span', null, `${p.hours}：`, h('span', { lang: 'zh-CN' }, station.hours))),
    phones.map((phone) => h('p', null, icon('phone'), h('span', null, h('a', { class: 'num', href: `tel:${String(phone.number).replace(/[^\d+]/g, '')}` }, phone.number), phone.for && h('span', { class: 'muted', lang: 'zh-CN' }, ` ${phone.for}`))))));
}

function section(title, ...content) {
  return h('section', null, h('h2', null, title), content);
}
