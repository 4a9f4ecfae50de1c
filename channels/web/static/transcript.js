/** What was said, by number, as frozen data; pure. Every change is a new transcript. */

/**
 * @typedef {{ seq: number, id?: string, party: string, text: string, [more: string]: unknown }} Message
 * @typedef {{ id: string, text: string, at: number, failed?: boolean }} Pending
 * @typedef {object} Transcript
 * @property {readonly Message[]} messages  by `seq`, each once
 * @property {readonly Pending[]} pending   said here, not yet come back
 * @property {Readonly<Record<number, string>>} own  `seq` → the id under which this device said it
 * @property {number} last   everything up to here has arrived
 * @property {number} read   the other side has read up to here
 * @property {{ stage: string, position?: number, wait_seconds?: number, agent?: { name?: string, number?: string } }} state
 */

/** @type {Transcript} */
export const EMPTY = Object.freeze({ messages: [], pending: [], own: {}, last: 0, read: 0, state: { stage: 'bot' } });

/** A message arrived, perhaps again, perhaps out of order. @param {Transcript} t @param {Message} message */
export function heard(t, message) {
  const seq = message?.seq;
  if (!Number.isInteger(seq) || seq < 1 || t.messages.some((m) => m.seq === seq)) return t;
  const before = t.messages.findLastIndex
    ? t.messages.findLastIndex((m) => m.seq < seq)
    : t.messages.reduce((at, m, n) => (m.seq < seq ? n : at), -1);
  const messages = [...t.messages.slice(0, before + 1), message, ...t.messages.slice(before + 1)];
  const next = { ...t, messages, last: contiguous(messages, t.last) };
  return message.party === 'citizen' ? settle(next, message) : next;
}

/** The agent took a message back. @param {Transcript} t @param {number} seq */
export function recalled(t, seq) {
  if (!t.messages.some((m) => m.seq === seq && !m.recalled)) return t;
  const messages = t.messages.map((m) =>
    m.seq === seq ? { seq, id: m.id, party: m.party, at: m.at, text: '', recalled: true } : m);
  return { ...t, messages };
}

/** The citizen said something here; it stands at the end until it comes back. @param {Transcript} t @param {Pending} pending */
export function said(t, pending) {
  if (t.pending.some((p) => p.id === pending.id)) return t;
  return { ...t, pending: [...t.pending, pending] };
}

/** The server has it on disk under `seq`. @param {Transcript} t @param {string} id @param {number} seq */
export function acked(t, id, seq) {
  if (!t.pending.some((p) => p.id === id)) return t;
  const arrived = t.messages.find((m) => m.seq === seq);
  const own = arrived && arrived.party !== 'citizen' ? t.own : { ...t.own, [seq]: id };
  // Kept until the message itself is here, so that the words never vanish from view.
  return { ...t, own, pending: arrived ? t.pending.filter((p) => p.id !== id) : t.pending };
}

/** The server did not take it: dropped, since its text went back to the input. @param {Transcript} t @param {string} id */
export function refused(t, id) {
  return t.pending.some((p) => p.id === id) ? { ...t, pending: t.pending.filter((p) => p.id !== id) } : t;
}

/** The server did not take it, and the input holds newer words: kept in view as not sent. @param {Transcript} t @param {string} id */
export function failed(t, id) {
  return { ...t, pending: t.pending.map((p) => (p.id === id ? { ...p, failed: true } : p)) };
}

/** @param {Transcript} t @param {Record<string, any>} frame a `state` frame, with or without its type */
export function staged(t, frame) {
  if (!frame || typeof frame.stage !== 'string') return t;
  const { stage, agent } = frame;
  const state = { stage, position: count(frame.position), wait_seconds: count(frame.wait_seconds), agent: agent ?? undefined };
  return { ...t, state };
}

/** @param {Transcript} t @param {number} seq */
export function readUpTo(t, seq) {
  return seq > t.read ? { ...t, read: seq } : t;
}

/** A message is missing between two that are here. @param {Transcript} t */
export function hasGap(t) {
  return t.messages.length > 0 && t.messages[t.messages.length - 1].seq > t.last;
}

/** What the citizen has not seen. @param {Transcript} t @param {number} seen */
export function unread(t, seen) {
  return t.messages.filter((m) => m.seq > seen && m.party !== 'citizen' && m.party !== 'system' && !m.recalled).length;
}

/**
 * What is drawn, top to bottom. A line said here keeps its key when it comes back, so it is drawn once.
 * @param {Transcript} t
 */
export function lines(t) {
  const mine = t.messages.filter((m) => m.party === 'citizen');
  const lastMine = t.pending.length ? 0 : mine.length ? mine[mine.length - 1].seq : 0;
  const come = t.messages.map((m) => ({
    key: t.own[m.seq] ? `c${t.own[m.seq]}` : `s${m.seq}`,
    message: m,
    delivery: m.seq !== lastMine ? '' : t.read >= m.seq ? 'read' : 'delivered',
  }));
  const waiting = t.pending.map((p) => ({
    key: `c${p.id}`,
    message: { seq: 0, id: p.id, party: 'citizen', text: p.text },
    delivery: p.failed ? 'failed' : 'sending',
  }));
  return [...come, ...waiting];
}

/** The line of `pending` that this message is: by its id, by its ack, else the oldest of the same words. */
function settle(t, message) {
  const match = t.pending.find((p) => p.id === message.id)
    ?? t.pending.find((p) => t.own[message.seq] === p.id)
    ?? t.pending.find((p) => p.text === message.text && !p.failed && !Object.values(t.own).includes(p.id));
  if (!match) return t;
  return { ...t, own: { ...t.own, [message.seq]: match.id }, pending: t.pending.filter((p) => p !== match) };
}

function count(value) {
  return Number.isFinite(value) && value > 0 ? Math.ceil(value) : undefined;
}

function contiguous(messages, from) {
  let last = from;
  for (const m of messages) if (m.seq === last + 1) last = m.seq;
  return last;
}
