/** What the pages of procedures and calculators share. */
import { basisText } from './basis.js';
import { h } from './dom.js';
import { icon } from './icons.js';
import { spans } from './markup.js';
import { ask } from './poll.js';
import { words } from './words.js';

/** @param {string} path @returns {Promise<{ status: number, body: any }>} */
export function get(path) {
  return ask({ fetch: (...args) => fetch(...args) }, path, {});
}

export function titled(...parts) {
  document.title = [...parts, document.getElementById('name').textContent].join(' · ');
}

/** @param {{ href: string, word: string } | null} up the list that the page belongs to */
export function head(up, title, about) {
  return h('div', { class: 'sheet__head' },
    up && h('a', { class: 'up', href: up.href }, icon('left'), up.word),
    h('h1', { tabindex: '-1' }, title), about && h('p', { class: 'muted' }, about));
}

/** A sentence of ours, with telephones that can be called. */
export function sentence(text) {
  return spans(text).map((span) => (span.phone ? h('a', { href: `tel:${span.text}` }, span.text) : span.text));
}

/** In place of the folded basis, when the page is printed. */
export function basisOnPaper(sources, checked) {
  const found = basisText(sources.filter((s) => !s.mark), words('zh-CN')).join('；');
  return h('p', { class: 'on-paper' }, found && `依据：${found}。`, `核对于 ${checked}，以参保地经办机构核定为准。`);
}

export function askUs(title) {
  return h('a', { class: 'ask-us', href: `/?ask=${encodeURIComponent(`关于${title}，`)}` },
    h('span', null, h('b', null, '不清楚？问一问'), h('small', null, '智能助手马上回答，也可以转人工')), icon('right'));
}

/** Nothing came: what is the matter and what to do. */
export function trouble(answer, up, again) {
  const gone = answer.status === 404;
  const said = gone ? answer.body?.detail : answer.status ? '系统正忙，请稍后再试。' : '没有连上网络，请检查后再试。';
  return h('div', { class: 'stack' }, h('h1', null, gone ? '没有找到' : '暂时打不开'), h('p', { class: 'note', role: 'alert' }, icon('warn'), h('span', null, said)),
    gone && up ? h('p', null, h('a', { class: 'btn', href: up.href }, `看全部${up.word}`))
      : h('p', null, h('button', { class: 'btn', type: 'button', onclick: again }, '再试一次')));
}
