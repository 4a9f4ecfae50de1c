/** Words to send: canned replies looked up by a few letters, their `{{姓名}}` and `{agent}` filled in, answers without their marks; pure. */

const NAME = /\{\{\s*([^{}]+?)\s*\}\}|\{([a-z]+)\}/g;

/** Fills what is known; what is not stays visible, so that nobody sends it unseen. */
export function filled(text, values) {
  return String(text).replace(NAME, (whole, own, plain) => values[own ?? plain] || whole);
}

/** The names that nobody filled in. @returns {string[]} */
export function open(text) {
  return [...new Set([...String(text).matchAll(NAME)].map((found) => found[1] ?? found[2]))];
}

/** Where the first name stands that is still to be filled in: [start, end] or null. */
export function firstOpen(text) {
  const found = [...String(text).matchAll(NAME)][0];
  return found ? [found.index, found.index + found[0].length] : null;
}

/** Replies whose title, words or topic hold every word of the search, titles first. */
export function matching(replies, search) {
  const asked = search.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const holds = (text) => asked.every((word) => String(text ?? '').toLowerCase().includes(word));
  const named = replies.filter((r) => holds(r.title));
  return [...named, ...replies.filter((r) => !named.includes(r) && holds(`${r.title} ${r.text} ${r.topic ?? ''}`))];
}

/** An answer without its marks of emphasis; the stars of a hidden number stay. */
export function withoutMarks(text) {
  return String(text ?? '').replace(/\*\*(?=[^\s*])([^*]+?)\*\*/g, '$1');
}
