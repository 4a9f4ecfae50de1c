/** Reads an answer's text into blocks: a bold first line, lines, and lists; pure. Nothing else is markup. */

/**
 * @typedef {{ text: string, bold: boolean }} Span
 * @typedef {{ kind: 'lead' | 'line', spans: Span[] }} Line
 * @typedef {{ kind: 'list' | 'steps', items: { number: number, spans: Span[] }[] }} List
 */

const BULLET = /^\s*- +(.+)$/;
const STEP = /^\s*(\d{1,2})\. +(.+)$/;
const WHOLE = /^\*\*(.+)\*\*([。．.！!？?；;：:]?)$/;

/** @param {string} text @returns {(Line | List)[]} */
export function blocks(text) {
  /** @type {(Line | List)[]} */
  const found = [];
  for (const raw of String(text ?? '').split(/\r?\n/)) {
    const line = raw.trim();
    if (!line) continue;
    const step = STEP.exec(line);
    const bullet = step ? null : BULLET.exec(line);
    if (step) item(found, 'steps', Number(step[1]), step[2]);
    else if (bullet) item(found, 'list', 0, bullet[1]);
    else if (!found.length && WHOLE.test(line)) found.push({ kind: 'lead', spans: spans(line).map(plain) });
    else found.push({ kind: 'line', spans: spans(line) });
  }
  return found;
}

/** `a **b** c` → plain, bold, plain; a star without its partner stays as it was written. @returns {Span[]} */
export function spans(line) {
  return line
    .split(/\*\*(?=\S)(.+?)\*\*/)
    .map((text, n) => ({ text, bold: n % 2 === 1 }))
    .filter((span) => span.text);
}

/** The text without its marks, for the clipboard. */
export function plainText(text) {
  return String(text ?? '').replace(/\*\*(?=\S)(.+?)\*\*/g, '$1').trim();
}

function item(found, kind, number, text) {
  const last = found[found.length - 1];
  const list = last && last.kind === kind ? last : { kind, items: [] };
  if (list !== last) found.push(list);
  list.items.push({ number, spans: spans(text) });
}

// The whole first line is drawn heavy already.
function plain(span) {
  return { text: span.text, bold: false };
}
