/** One conversation at the desk: messages by number, notes by theirs, and what is not sent yet; pure. */

/**
 * @typedef {{ id: string, kind: 'say' | 'note' | 'whisper', text: string, at: string, state: 'sending' | 'kept' | 'failed', reason: string, since: number }} Unsent
 * @typedef {Record<string, any> & { seq: number, id: string, party: string, text: string, at: string }} Message
 */

// An ack takes milliseconds; whoever waits longer should know it, and may send again under the same id.
export const UNSENT_AFTER = 8000;
export const RECALL_WITHIN = 120000;
// A typing frame comes every few seconds while somebody writes.
const TYPING = 6000;

export function newChat(conversation, more = {}) {
  return {
    conversation, owned: true, asked: false, opened: false, stage: 'agent', agent: null, context: {}, messages: [], notes: [], unsent: [], seen: 0, read: 0,
    owed: { since: null, seq: 0 }, typingUntil: 0, suggestions: [], draft: '', noteDraft: '', ...more,
  };
}

/** Puts a message where its number belongs; the same number is kept once, the later text wins. */
export function withMessage(chat, message) {
  return { ...chat, messages: placed(chat.messages, message), unsent: chat.unsent.filter((u) => u.id !== message.id), typingUntil: message.party === 'citizen' ? 0 : chat.typingUntil };
}

export function withNote(chat, note) {
  return { ...chat, notes: placed(chat.notes, note), unsent: chat.unsent.filter((u) => u.id !== note.id) };
}

/** Many at once, as a page of history or the answer to `open` brings them. */
export function withMany(chat, messages, notes = []) {
  const ids = new Set([...messages, ...notes].map((m) => m.id));
  return { ...chat, messages: merged(chat.messages, messages), notes: merged(chat.notes, notes), unsent: chat.unsent.filter((u) => !ids.has(u.id)) };
}

export function recalled(chat, seq) {
  return { ...chat, messages: chat.messages.map((m) => (m.seq === seq ? { ...m, text: '', recalled: true } : m)) };
}

export function withUnsent(chat, frame, now) {
  const written = { id: frame.id, kind: frame.type, text: frame.text, at: new Date(now).toISOString(), state: 'sending', reason: '', since: now };
  return { ...chat, unsent: [...chat.unsent.filter((u) => u.id !== frame.id), written] };
}

/** On disk; it stands here until it comes back as a message. */
export function kept(chat, id) {
  return { ...chat, unsent: chat.unsent.map((u) => (u.id === id ? { ...u, state: 'kept', reason: '' } : u)) };
}

export function failed(chat, id, reason) {
  return { ...chat, unsent: chat.unsent.map((u) => (u.id === id ? { ...u, state: 'failed', reason } : u)) };
}

export function retried(chat, id, now) {
  return { ...chat, unsent: chat.unsent.map((u) => (u.id === id ? { ...u, state: 'sending', reason: '', since: now } : u)) };
}

export function dropped(chat, id) {
  return { ...chat, unsent: chat.unsent.filter((u) => u.id !== id) };
}

/** A new line sends again what has no ack: its time begins anew. */
export function resent(chat, now) {
  return { ...chat, unsent: chat.unsent.map((u) => (u.state === 'sending' ? { ...u, since: now } : u)) };
}

/** What nobody acknowledged in time is shown as not sent; a late ack still takes it away. */
export function overdue(chat, now) {
  if (!chat.unsent.some((u) => u.state === 'sending' && now - u.since >= UNSENT_AFTER)) return chat;
  const late = (u) => (u.state === 'sending' && now - u.since >= UNSENT_AFTER ? { ...u, state: 'failed', reason: '还没有收到回执' } : u);
  return { ...chat, unsent: chat.unsent.map(late) };
}

export function typed(chat, now) {
  return { ...chat, typingUntil: now + TYPING };
}

/** Everything up to the newest message was on the agent's screen. */
export function looked(chat) {
  const last = lastSeq(chat);
  return chat.seen >= last ? chat : { ...chat, seen: last };
}

export function lastSeq(chat) {
  return chat.messages.at(-1)?.seq ?? 0;
}

export function lastNote(chat) {
  return chat.notes.at(-1)?.seq ?? 0;
}

/** The citizen's words that nobody has answered or seen. */
export function unread(chat) {
  let count = 0;
  for (let n = chat.messages.length - 1; n >= 0 && chat.messages[n].seq > chat.seen; n -= 1) {
    const { party } = chat.messages[n];
    if (party === 'agent' || party === 'bot') break;
    count += Number(party === 'citizen');
  }
  return count;
}

/** Since when the citizen waits for a person's word; null when the last word is ours. The server told it up to a number. */
export function waitsSince(chat) {
  let first = null;
  for (let n = chat.messages.length - 1; n >= 0 && chat.messages[n].seq > chat.owed.seq; n -= 1) {
    if (chat.messages[n].party === 'agent') return first;
    if (chat.messages[n].party === 'citizen') first = chat.messages[n].at;
  }
  return chat.owed.since ?? first;
}

/** Whether the first message of all is here. */
export function isWhole(chat) {
  return chat.messages.length > 0 && chat.messages[0].seq <= 1;
}

export function mayRecall(message, now) {
  return message.party === 'agent' && !message.recalled && now - Date.parse(message.at) < RECALL_WITHIN;
}

/** Messages and notes as they were said, what is not sent yet last. */
export function rows(chat) {
  const found = chat.messages.map((m) => ({ kind: m.party === 'system' ? 'system' : 'message', key: `m${m.seq}`, at: m.at, ...m }));
  for (const note of chat.notes) {
    let n = found.length;
    while (n > 0 && found[n - 1].at > note.at) n -= 1;
    found.splice(n, 0, { ...note, kind: 'note', key: `n${note.seq}` });
  }
  return [...found, ...chat.unsent.map((u) => ({ ...u, kind: 'unsent', of: u.kind, key: u.id }))];
}

function placed(list, item) {
  if (!list.length || list.at(-1).seq < item.seq) return [...list, item];
  return merged(list, [item]);
}

function merged(list, more) {
  if (!more.length) return list;
  const bySeq = new Map(list.map((m) => [m.seq, m]));
  for (const item of more) bySeq.set(item.seq, { ...bySeq.get(item.seq), ...item });
  return [...bySeq.values()].sort((a, b) => a.seq - b.seq);
}
