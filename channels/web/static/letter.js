/** How the service answers: a letter with its conclusion, lines, choices, basis and foot. */
import { basis, basisText } from './basis.js';
import { copyText } from './clipboard.js';
import { h, say } from './dom.js';
import { icon } from './icons.js';
import { blocks, plainText, withoutChoices } from './markup.js';

/** @param {any} message @param {any} scene what the log draws with: `w`, `act`, `done` */
export function letter(message, scene) {
  const { w } = scene;
  const sources = list(message.sources);
  const answer = message.outcome === 'answer';
  const read = blocks(withoutChoices(message.text, list(message.choices)));
  if (message.outcome === 'clarify') read.splice(-1, 1, headline(read[read.length - 1]));
  return h('div', { class: 'letter' },
    h('div', { class: 'letter__text', lang: 'zh-CN' }, read.map(block)),
    sources.length > 0 && basis(sources, w),
    choices(message, answer ? w.next : '', scene),
    answer && foot(message, sources, scene));
}

/** The question to choose by; how to choose is said below the choices. */
function headline(block) {
  const text = block?.spans?.map((s) => s.text).join('') ?? '';
  return { kind: 'lead', spans: [{ text: text.slice(0, text.indexOf('？') + 1) || text, bold: false }] };
}

/** Numbered as the citizen may type them, 都不是 as 0; under an answer they are further questions. */
export function choices(message, kicker, { w, act }) {
  const offered = list(message.choices).filter((c) => c && c.id !== undefined);
  const human = offered.filter((c) => c.id === 'human');
  const others = offered.filter((c) => c.id !== 'human');
  const press = (choice) => act.choose(choice, message.seq);
  return [
    kicker && others.length > 0 && h('p', { class: 'kicker kicker--rule' }, kicker),
    others.length > 0 && (kicker ? further(others, kicker, press) : numbered(others, w.pick, press)),
    !kicker && others.length > 0 && h('p', { class: 'tiny' }, w.pickHint),
    human.map((choice) => h('button', { class: 'btn btn--human btn--wide', type: 'button', lang: 'zh-CN', onclick: () => press(choice) }, icon('person'), choice.label)),
  ];
}

function numbered(offered, label, press) {
  let n = 0;
  return h('div', { class: 'choices', role: 'group', 'aria-label': label }, offered.map((choice) => {
    const none = isNone(choice);
    const [words, small] = String(choice.label ?? '').split('\n');
    return h('button', { class: none ? 'choice choice--none' : 'choice', type: 'button', onclick: () => press(choice) },
      h('span', { class: 'n', 'aria-hidden': 'true' }, none ? 0 : (n += 1)),
      h('span', { lang: 'zh-CN' }, words, small && h('small', null, small)), icon('right'));
  }));
}

function further(offered, label, press) {
  return h('ul', { class: 'rows', lang: 'zh-CN', 'aria-label': label }, offered.map((choice) =>
    h('li', null, h('button', { type: 'button', onclick: () => press(choice) }, h('span', null, choice.label), icon('right')))));
}

function block(b) {
  if (b.kind === 'warn' || b.kind === 'masked') {
    return h('p', { class: b.kind === 'warn' ? 'note' : 'note note--info' }, icon(b.kind === 'warn' ? 'warn' : 'shield'), h('span', null, b.spans.map(span)));
  }
  if (b.kind === 'lead' || b.kind === 'line') return h('p', { class: b.kind === 'lead' && 'lead' }, b.spans.map(span));
  if (b.kind === 'steps') return h('ol', { class: 'list' }, b.items.map((i) => h('li', { value: i.number }, i.spans.map(span))));
  return h('ul', { class: 'list' }, b.items.map((i) => h('li', null, i.spans.map(span))));
}

function span({ text, bold, phone }) {
  const said = phone ? h('a', { href: `tel:${text}` }, text) : text;
  return bold ? h('strong', null, said) : said;
}

function foot(message, sources, { w, act, done }) {
  const said = h('p', { class: 'letter__said', role: 'status' });
  const good = h('button', { class: 'btn', type: 'button', 'aria-pressed': 'false', onclick: () => judge(true) }, icon('good'), w.useful);
  const bad = h('button', { class: 'btn', type: 'button', 'aria-pressed': 'false', onclick: () => judge(false) }, icon('bad'), w.useless);
  const copied = h('span', null, w.copyAnswer);
  const copy = h('button', { class: 'btn btn--quiet', type: 'button', onclick: copyAll }, icon('copy'), copied);

  const voice = h('span', null, w.aloud);
  const aloud = h('button', { class: 'btn btn--quiet', type: 'button', 'aria-pressed': 'false', onclick: () => act.aloud(message.seq, reading) }, icon('aloud'), voice);

  function reading(state) {
    aloud.setAttribute('aria-pressed', String(state === 'playing' || state === 'busy'));
    say(voice, { playing: w.aloudStop, busy: w.aloudStop, unable: w.aloudUnable }[state] ?? w.aloud);
  }

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
  return h('footer', { class: 'letter__foot' }, good, bad, copy, aloud,
    message.answer_code && h('p', { class: 'code' }, h('span', null, w.code), ' ', h('b', null, message.answer_code)), said);
}

function isNone(choice) {
  return /^(none|0|都不是)$/.test(String(choice.id)) || choice.label === '都不是';
}

function list(value) {
  return Array.isArray(value) ? value : [];
}
