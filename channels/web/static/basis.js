/** The legal basis of an answer: folded to a line, unfolded to document, dates, jurisdiction and link. */
import { h } from './dom.js';
import { icon } from './icons.js';

/** @param {any[]} sources @param {any} w */
export function basis(sources, w) {
  const days = sources.map((s) => s.checked).filter(Boolean).sort();
  const marked = sources.filter((s) => s.mark).length;
  const unverified = marked > 0;
  const word = marked === sources.length ? w.unverified : marked ? w.partly : days.length ? w.checked(days[0]) : '';
  const summary = h('summary', null, w.basis(sources.length), h('span', { class: 'sum' }, word),
    icon('down', 'chev'));
  return h('details', { class: unverified ? 'basis basis--unverified' : 'basis' }, summary,
    h('div', { class: 'basis__in' }, sources.map((source) => row(source, w))));
}

/** The same in plain lines, for the clipboard. */
export function basisText(sources, w) {
  return sources.map((s) =>
    [document(s) || concerns(s), s.effective && `${w.effective} ${s.effective}`, s.jurisdiction, s.mark && w.unverified].filter(Boolean).join('，'));
}

function row(source, w) {
  const facts = [[w.concerns, source.covers ?? concerns(source)], [w.effective, source.effective], [w.jurisdiction, source.jurisdiction],
    [w.checkedOn, !source.mark && source.checked], [w.confirm, source.confirm_with]].filter(([, value]) => value);
  const address = link(source.url);
  return h('div', { class: 'basis__row' },
    source.mark && h('p', null, h('span', { class: 'tag tag--warn' }, icon('warn'), w.marks[source.mark] ?? w.unverified)),
    document(source) && h('p', { class: 'basis__doc', lang: 'zh-CN' }, document(source)),
    source.quote && h('blockquote', { lang: 'zh-CN' }, `“${source.quote}”`),
    facts.length > 0 && h('dl', { class: 'facts' }, facts.map(([name, value]) => [h('dt', null, name), h('dd', { class: 'num', lang: 'zh-CN' }, value)])),
    address && h('p', null, h('a', { href: address, target: '_blank', rel: 'noopener noreferrer' }, w.original, h('span', { class: 'vh' }, w.newWindow))));
}

function document(source) {
  const title = concerns(source) ? '' : String(source.title ?? '').trim();
  const named = !title || /^[《〈]/.test(title) || /[》〉]/.test(title) ? title : `《${title}》`;
  return [named, source.article].filter(Boolean).join('');
}

/** A row without a document names what is not verified in place of a title. */
function concerns(source) {
  return source.mark ? /^待核实：(.+)$/.exec(String(source.title ?? '').trim())?.[1] : undefined;
}

/** Only web addresses: a source may be written by anybody who imports a file. */
export function link(url) {
  return /^https?:\/\/[^\s]+$/i.test(String(url ?? '')) ? String(url) : '';
}
