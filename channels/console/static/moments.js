/** Days and minutes as the bureau's clock shows them, wherever the browser is. */

const ZONE = 'Asia/Shanghai';
const PARTS = new Intl.DateTimeFormat('sv-SE', { timeZone: ZONE, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' });

/** `2026-11-24 17:05`, or nothing. */
export function shownAt(at) {
  const time = Date.parse(at);
  return Number.isNaN(time) ? '' : PARTS.format(time).replace(',', '');
}

/** What a `datetime-local` box shows. */
export const toLocal = (at) => shownAt(at).replace(' ', 'T');

/** China has no summer time. */
export const fromLocal = (text) => `${text}:00+08:00`;

/** Today, or so many days before. */
export const day = (before = 0) => shownAt(new Date(Date.now() - before * 86400000).toISOString()).slice(0, 10);

/** An answer as it is read out in a row: without the marks of bold type. */
export const plain = (text) => String(text ?? '').replaceAll('**', '');
