/** Which rows of a long conversation are drawn: a span that ends at the newest, or slides up page by page; pure. */

// Some four screens. Ten thousand rows drawn at once would take seconds; a hundred take some milliseconds.
export const ROWS = 100;
const STEP = 50;

/** `end` is null while the newest row is to be seen. */
export const newest = Object.freeze({ end: null });

/** @returns {{ from: number, to: number }} */
export function drawn(span, count) {
  const to = Math.min(span.end ?? count, count);
  return { from: Math.max(0, to - ROWS), to };
}

export function earlier(span, count) {
  const { from } = drawn(span, count);
  return from === 0 ? span : { end: Math.max(ROWS, from + ROWS - STEP) };
}

export function later(span, count) {
  const { to } = drawn(span, count);
  return to + STEP >= count ? newest : { end: to + STEP };
}

/** Rows that arrived above what is drawn must not move it. */
export function shifted(span, added) {
  return span.end === null ? span : { end: span.end + added };
}
