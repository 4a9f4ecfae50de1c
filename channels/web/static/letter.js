/** How the service answers: a letter with its conclusion, lines, choices, basis and foot. */
import { basis, basisText } from './basis.js';
import { h, say } from './dom.js';
import { icon } from './icons.js';
import { blocks, plainText } from './markup.js';

/** @param {any} message @param {any} scene what the log draws with: `w`, `act`, `done` */
export function letter(message, scene) {
  const { w } = scene;
  const sources = list(message.sources);
  const answer = Boolean(message.answer_code) || sources.length > 0;
  return h('div', { class: 'letter' },
    h('div', { class: 'letter__text', lang: 'zh-CN' }, blocks(message.text).map(block)),
    sources.length > 0 && basis(sources, w),
    choices(message, answer ? w.next : '', scene),
    answer && foot(message, sources, scene));
}

/** Numbered as the citizen may type them; 都不是 is 0. */
export function choices(message, kicker, { w, act }) {
  const offered = list(message.choices).filter((c) => c && c.id !== undefined);
  if (!offered.length) return null;
  let n = 0;
  const buttons = offered.map((choice) => {
    const none = isNone(choice);
    const [label, small] = String(choice.label ?? '').split('\n');
    return h('button', { class: none ? 'choice choice--none' : 'choice', type: 'button', onclick: () => act.choose(choice) },
      h('span', { class: 'n', 'aria-hidden': 'true' }, none ? 0 : (n += 1)),
      h('span', { lang: 'zh-CN' }, label, small && h('small', null, small)), icon('right'));
  });
  return [
    kicker && h('p', { class: 'kicker kicker--rule' }, kicker),
    h('div', { class: 'choices', role: 'group', 'aria-label': kicker || w.pick }, buttons),
    !kicker && h('p', { class: 'tiny' }, w.pickHint),
  ];
}

function block(b) {
  if (b.kind === 'lead' || b.kind === 'line') return h('p', { class: b.kind === 'lead' && 'lead' }, b.spans.map(span));
  if (b.kind === 'steps') return h('ol', { class: 'list' }, b.items.map((i) => h('li', { value: i.number }, i.spans.map(span))));
  return h('ul', { class: 'list' }, b.items.map((i) => h('li', null, i.spans.map(span))));
}

function span({ text, bold }) {
  return bold ? h('strong', null, text) : text;
}

function foot(message, sources, { w, act, done }) {
  const said = h('p', { class: 'letter__said', role: 'status' });
  const good = h('button', { class: 'btn', type: 'button', 'aria-pressed': 'false', onclick: () => judge(true) }, icon('good'), w.useful);
  const bad = h('button', { class: 'btn', type: 'button', 'aria-pressed': 'false', onclick: () => judge(false) }, icon('bad'), w.useless);
  const copied = h('span', null, w.copyAnswer);
  const copy = h('button', { class: 'btn btn--quiet', type: 'button', onclick: copyAll }, icon('copy'), copied);

  function judge(helpful) {
    act.feedback(message.seq, helpful);
    press(helpful);
    say(said, helpful ? w.thanks : w.sorry);
  }

  function press(helpful) {
    good.setAttribute('aria-pressed', String(helpful === true));
    bad.setAttribute('aria-pressed', String(helpful === false));
  }

  async function copyAll() {
    const text = [plainText(message.text), ...basisText(sources, w), message.answer_code && `${w.code} ${message.answer_code}`];
    if (!(await copyText(text.filter(Boolean).join('\n'), copy))) return;
    say(copied, w.copied);
    setTimeout(() => say(copied, w.copyAnswer), 2000);
  }

  if (typeof done.get(message.seq) === 'boolean') press(done.get(message.seq));
  return h('footer', { class: 'letter__foot' }, good, bad, copy,
    message.answer_code && h('p', { class: 'code' }, h('span', null, w.code), ' ', h('b', null, message.answer_code)), said);
}

/** The clipboard is missing on plain http: then the old way, beside the button. */
async function copyText(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h('textarea', { class: 'vh', readonly: true, 'aria-hidden': 'true', tabindex: '-1', value: text });
    beside.after(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    beside.focus();
    return copied;
  }
}

function isNone(choice) {
  return /^(none|0|都不是)$/.test(String(choice.id)) || choice.label === '都不是';
}

function list(value) {
  return Array.isArray(value) ? value : [];
}
