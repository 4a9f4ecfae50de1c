/** One calculator: its form, what is wrong beside each field, and the result below. */
import { basis } from './basis.js';
import { fill, h, say } from './dom.js';
import { icon } from './icons.js';
import { fault, input } from './inputs.js';
import { askUs, basisOnPaper, get, head, sentence, titled, trouble } from './page.js';
import { words } from './words.js';

const UP = { href: '/calculators', word: '算一算' };
const NAMED = /^(怎么算的|没有算进去的|基础养老金|个人账户养老金|注意)：/;

/** @param {HTMLElement} main */
export async function showCalculator(main) {
  const address = `/api/v1${location.pathname}`;
  const answer = await get(address);
  if (answer.status !== 200) return fill(main, trouble(answer, UP, () => showCalculator(main)));
  const { title, about, fields, checked } = answer.body;
  titled(title);
  const inputs = fields.map((field) => input(spares(field, fields) ? { ...field, hint: '不知道就空着，接着填下面的。' } : field, changed));
  const summary = h('p', { class: 'error', role: 'alert', hidden: true });
  const submit = h('button', { class: 'btn btn--primary', type: 'submit' }, '开始算');
  const result = h('section', { class: 'result', 'aria-labelledby': 'result', hidden: true });
  fill(main, head(UP, title, about),
    h('form', { class: 'pane form', novalidate: true, onsubmit: send }, inputs.map(({ node }) => node), summary,
      h('p', { class: 'row' }, submit, h('button', { class: 'btn btn--plain', type: 'button', onclick: () => showCalculator(main) }, '清空')),
      h('p', { class: 'tiny' }, '填的内容只用来算这一次，不保存。不用写身份证号。')),
    result, askUs(title));
  changed();

  /** Shows what the answers so far make worth asking; a result of other answers is taken away. */
  function changed() {
    const known = {};
    for (const { field, node, value } of inputs) {
      const wanted = Object.entries(field.when).every(([name, values]) => values.includes(known[name])) && !field.unless.some((name) => known[name]);
      node.hidden = !wanted;
      if (wanted && value()) known[field.name] = value();
    }
    result.hidden = true;
  }

  async function send(event) {
    event.preventDefault();
    const asked = inputs.filter(({ node }) => !node.hidden);
    for (const one of inputs) one.wrong('');
    summary.hidden = true;
    const wrong = asked.filter((one) => fault(one));
    for (const one of wrong) one.wrong(fault(one));
    if (wrong.length) return wrong[0].focus();
    say(submit, '正在算');
    const query = new URLSearchParams(asked.filter(({ value }) => value()).map(({ field, value }) => [field.name, value()]));
    const told = await get(`${address}/result?${query}`);
    say(submit, '开始算');
    if (told.status === 200) return show(told.body);
    refused(told, asked.find(({ field }) => field.name === told.body?.field));
  }

  function refused(told, one) {
    const text = told.status === 422 ? told.body.detail : told.status ? '系统正忙，请稍后再试。' : '没有连上网络，请检查后再试。';
    if (one) {
      one.wrong(text);
      return one.focus();
    }
    summary.hidden = false;
    say(summary, text);
  }

  function show({ lines, valid, sources }) {
    const [first, ...rest] = lines;
    const last = rest.pop();
    fill(result, h('h2', { id: 'result', tabindex: '-1' }, '结果'), h('p', { class: 'lead' }, first),
      rest.filter((line) => line !== valid).map((line) => h('p', null, named(line))),
      h('p', { class: 'muted' }, valid), h('p', { class: 'note' }, icon('warn'), h('span', null, last)),
      sources.length > 0 && basis(sources, words('zh-CN')), basisOnPaper(sources, checked),
      h('p', { class: 'row' }, h('button', { class: 'btn', type: 'button', onclick: () => print() }, icon('print'), '打印结果')));
    result.hidden = false;
    result.querySelector('h2').focus();
  }
}

/** An answer that makes others needless, but may be left out. */
function spares(field, fields) {
  return !field.required && !field.hint && fields.some(({ unless }) => unless.includes(field.name));
}

function named(line) {
  const [name] = NAMED.exec(line) ?? [''];
  return [name && h('b', null, name), sentence(line.slice(name.length))];
}
