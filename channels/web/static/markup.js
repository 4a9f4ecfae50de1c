/** Reads an answer's text into blocks: a bold first line, lines, notes and lists; pure. Nothing else is markup. */

/**
 * @typedef {{ text: string, bold: boolean, phone?: boolean }} Span
 * @typedef {{ kind: 'lead' | 'line' | 'warn' | 'masked', spans: Span[] }} Line
 * @typedef {{ kind: 'list' | 'steps', items: { number: number, spans: Span[] }[] }} List
 */

const BULLET = /^\s*- +(.+)$/;
const STEP = /^\s*(\d{1,2})\. +(.+)$/;
const WHOLE = /^\*\*(.+)\*\*([。．.！!？?；;：:]?)$/;

// What the office must confirm, and that a number was hidden, stand out from the rule.
const WARN = /以.{1,40}为准。?$/;
const MASKED = /号码已自动隐去|^(The )?numbers? (was|were|has been|have been) hidden/i;
// Hotlines that can be called as they stand; an amount of 12345 元 cannot.
const PHONE = /(^|[^\d.])(12(?:315|333|345|348|356|366|393))(?![\d.]|\s*[元万人个年月天%％])/g;

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
    else if (MASKED.test(line)) found.push({ kind: 'masked', spans: spans(line) });
    else if (WHOLE.test(line) && found.every((b) => b.kind === 'masked')) found.push({ kind: 'lead', spans: spans(line).map(plain) });
    else found.push({ kind: found.length && WARN.test(line) ? 'warn' : 'line', spans: spans(line) });
  }
  return found;
}

/** `a **b** c` → plain, bold, plain; a star without its partner stays as it was written. @returns {Span[]} */
export function spans(line) {
  return line
    .split(/\*\*(?=\S)(.+?)\*\*/)
    .map((text, n) => ({ text, bold: n % 2 === 1 }))
    .filter((span) => span.text)
    .flatMap(phones);
}

/** Choices are drawn as buttons: the text's own list of them would say them twice. */
export function withoutChoices(text, choices) {
  const labels = new Set(choices.map((c) => String(c.label ?? '').split('\n')[0]));
  return String(text ?? '')
    .split(/\r?\n/)
    .filter((line) => !labels.has(/^\s*\d{1,2}\. *(.+?)\s*$/.exec(line)?.[1]))
    .join('\n');
}

function phones(span) {
  const parts = span.text.replace(PHONE, '$1\n$2\n').split('\n');
  return parts.map((text, n) => (n % 2 ? { ...span, text, phone: true } : { ...span, text })).filter((part) => part.text);
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
  return { ...span, bold: false };
}
