/** What a desk shows: a state and an event in, the next state out; pure. */
import * as chats from './chat.js';

/**
 * Events are the server's frames, and what happened here: `link`, `seated`, `asked`, `taking`, `chosen`, `watched`, `said`, `retried`, `dropped`, `drafted`,
 * `history`, `looked`, `tick`, `dismissed`.
 * @typedef {typeof EMPTY} Desk
 */
export const EMPTY = Object.freeze({
  link: 'connecting',
  status: 'offline',
  capacity: 0,
  load: 0,
  missed: 0,
  me: '',
  fresh: true,
  queue: { waiting: [], count: 0 },
  offers: [],
  chats: {},
  current: null,
  taking: null, // what this page accepted and waits for
  notices: [],
  lostAt: null,
});

/** What the server's error codes mean to an agent. */
export const ERRORS = {
  taken: '这个会话已由别的坐席接入',
  not_yours: '这个会话不在您名下',
  full: '接待已满，结束一个会话后再接',
  nobody_there: '对方现在接不了，请换一位坐席或技能组',
  gone: '会话已经结束',
  too_long: '太长了，请分几次发',
  too_often: '发得太密，请等一会儿再发',
  too_late: '超过 2 分钟，不能撤回了',
  forbidden: '您没有这项权限',
  wrong_stage: '会话现在不能这样操作',
  store_busy: '现在很忙，没有保存，请再试一次',
  not_online: '先把状态改为在线，再接会话',
  bad_code: '请选择办理结果',
  not_found: '没有找到这个会话',
};

export function errorWords(frame) {
  return ERRORS[frame?.code] ?? (frame?.message || frame?.detail || '没有办成，请再试一次');
}

const ON = {
  // A new line knows nothing of the old one: each conversation is asked for again, once we know which are ours.
  link: (desk, { value }, now) => {
    const all = value === 'live' ? Object.fromEntries(Object.entries(desk.chats).map(([id, c]) => [id, { ...chats.resent(c, now), asked: false }])) : desk.chats;
    return { ...desk, link: value, chats: all, fresh: true, offers: value === 'live' ? [] : desk.offers, lostAt: value === 'live' ? null : (desk.lostAt ?? now) };
  },

  queue: (desk, frame, now) => {
    const next = { ...desk, queue: { waiting: frame.waiting, count: frame.count } };
    return desk.fresh && frame.mine ? settled({ ...next, fresh: false }, frame.mine.map((c) => c.conversation ?? c), now) : next;
  },
  asked: (desk, frame) => inChat(desk, frame, (chat) => ({ ...chat, asked: true, opened: true })),
  status: (desk, frame) => ({ ...desk, status: frame.value, capacity: frame.capacity ?? desk.capacity, load: frame.load ?? desk.load, missed: frame.missed ?? 0 }),

  offer: (desk, frame) => ({ ...desk, offers: [...desk.offers.filter((o) => o.conversation !== frame.conversation), frame] }),

  offer_gone: (desk, frame, now) => {
    const had = desk.offers.some((o) => o.conversation === frame.conversation);
    const next = withoutOffer(desk, frame.conversation);
    return had && frame.taken_by && frame.taken_by !== desk.me ? noticed(next, ERRORS.taken, now) : next;
  },

  assigned: (desk, frame) => {
    const offer = desk.offers.find((o) => o.conversation === frame.conversation);
    const waiting = desk.queue.waiting.find((w) => w.conversation === frame.conversation);
    const context = frame.context ?? offer?.context ?? (waiting ? { channel: waiting.channel, topic: waiting.topic } : undefined);
    const chat = owned(desk.chats[frame.conversation], frame.conversation, context);
    const rest = desk.queue.waiting.filter((w) => w.conversation !== frame.conversation);
    const queue = waiting ? { waiting: rest, count: Math.max(0, desk.queue.count - 1) } : desk.queue;
    return { ...withoutOffer(desk, frame.conversation), queue, chats: { ...desk.chats, [frame.conversation]: chat }, current: desk.taking === frame.conversation ? frame.conversation : (desk.current ?? frame.conversation), taking: null };
  },

  message: (desk, frame) => inChat(desk, frame, (chat) => chats.withMessage(chat, frame)),
  note: (desk, frame) => inChat(desk, frame, (chat) => chats.withNote(chat, frame)),
  recalled: (desk, frame) => inChat(desk, frame, (chat) => chats.recalled(chat, frame.seq)),
  typing: (desk, frame, now) => inChat(desk, frame, (chat) => (frame.party === 'agent' ? chat : chats.typed(chat, now))),
  read: (desk, frame) => inChat(desk, frame, (chat) => (frame.party === 'agent' ? chat : { ...chat, read: Math.max(chat.read, frame.seq) })),
  suggestions: (desk, frame) => inChat(desk, frame, (chat) => ({ ...chat, suggestions: frame.entries })),
  context: (desk, frame) => inChat(desk, frame, (chat) => ({ ...chat, context: { ...chat.context, ...frame.context } })),

  state: (desk, frame) => inChat(desk, frame, (chat) => ({
    ...chat, stage: frame.stage, agent: frame.agent ?? null, owed: { since: frame.owed_since ?? null, seq: frame.last_seq ?? 0 },
  })),

  // A closed conversation stays until it is put away; any other belongs to somebody else now.
  unassigned: (desk, frame, now) => {
    const chat = desk.chats[frame.conversation];
    if (!chat?.owned) return desk;
    if (frame.reason === 'closed' || chat.stage === 'closed') return inChat(desk, frame, (c) => ({ ...c, stage: 'closed' }));
    return noticed(without(desk, frame.conversation), REASONS[frame.reason] ?? '会话已不在您名下', now);
  },

  ack: (desk, frame) => {
    const held = holding(desk, frame.id);
    return held ? inChat(desk, held, (chat) => chats.kept(chat, frame.id)) : desk;
  },
  error: (desk, frame, now) => {
    const held = holding(desk, frame.id);
    if (held) return inChat(desk, held, (chat) => chats.failed(chat, frame.id, errorWords(frame)));
    const next = frame.code === 'taken' && frame.conversation ? withoutOffer(desk, frame.conversation) : desk;
    return noticed(next, errorWords(frame), now);
  },

  chosen: (desk, { conversation }) => {
    const next = { ...desk, current: conversation };
    return conversation ? inChat(next, { conversation }, chats.looked) : next;
  },
  seated: (desk, { me }) => ({ ...desk, me: me.username, status: me.status ?? desk.status, capacity: me.capacity ?? desk.capacity }),
  taking: (desk, { conversation }) => ({ ...desk, taking: conversation }),
  looked: (desk) => (desk.current ? inChat(desk, { conversation: desk.current }, chats.looked) : desk),
  watched: (desk, frame) => ({ ...desk, chats: { ...desk.chats, [frame.conversation]: desk.chats[frame.conversation] ?? chats.newChat(frame.conversation, { owned: false, context: frame.context ?? {}, agent: frame.agent ?? null }) }, current: frame.conversation }),
  put_away: (desk, { conversation }) => without(desk, conversation),
  said: (desk, { frame }, now) => inChat(desk, frame, (chat) => chats.withUnsent(chat, frame, now)),
  retried: (desk, frame, now) => inChat(desk, frame, (chat) => chats.retried(chat, frame.id, now)),
  dropped: (desk, frame) => inChat(desk, frame, (chat) => chats.dropped(chat, frame.id)),
  drafted: (desk, frame) => inChat(desk, frame, (chat) => ({ ...chat, [frame.note ? 'noteDraft' : 'draft']: frame.text })),
  history: (desk, frame) => inChat(desk, frame, (chat) => chats.withMany(chat, frame.messages, frame.notes)),
  noticed: (desk, { text }, now) => noticed(desk, text, now),
  dismissed: (desk, { id }) => ({ ...desk, notices: desk.notices.filter((n) => n.id !== id) }),

  tick: (desk, event, now) => {
    const offers = desk.offers.filter((o) => !o.expires_at || Date.parse(o.expires_at) > now - GRACE);
    const notices = desk.notices.filter((n) => now - n.at < SHOWN);
    const late = desk.link === 'live' ? Object.values(desk.chats).filter((c) => chats.overdue(c, now) !== c) : [];
    const all = late.length ? { ...desk.chats, ...Object.fromEntries(late.map((c) => [c.conversation, chats.overdue(c, now)])) } : desk.chats;
    const same = offers.length === desk.offers.length && notices.length === desk.notices.length && !late.length;
    return same ? desk : { ...desk, offers, notices, chats: all };
  },
};

// The server ends an offer; when its word does not come, the card may not stand for ever.
const GRACE = 2000;
const REASONS = {
  transferred: '会话已转接', assigned: '会话已由班长改派', taken_over: '会话已由班长接管', released: '会话已交回机器人', agent_lost: '断线太久，会话已回到队列',
  unanswered: '太久没有答复，会话已回到队列',
};

const SHOWN = 8000;

/** @param {any} desk @param {Record<string, any>} event @param {number} now milliseconds @returns {any} */
export function next(desk, event, now) {
  return Object.hasOwn(ON, event.type) ? ON[event.type](desk, event, now) : desk;
}

/** My conversations: who has waited longest for a word first, then the newest. */
export function mine(desk) {
  const all = Object.values(desk.chats).filter((c) => c.owned);
  return all
    .map((chat) => ({ chat, since: chat.stage === 'agent' ? chats.waitsSince(chat) : null }))
    .sort((a, b) => Number(a.chat.stage === 'closed') - Number(b.chat.stage === 'closed') || compared(a.since ?? '~', b.since ?? '~') || compared(a.chat.conversation, b.chat.conversation))
    .map(({ chat }) => chat);
}

/** How many places are taken. */
export function held(desk) {
  return Object.values(desk.chats).filter((c) => c.owned && c.stage === 'agent').length;
}

/** What must be asked for on this line: each conversation, after what is here already. */
export function toOpen(desk) {
  if (desk.link !== 'live' || desk.fresh) return [];
  return Object.values(desk.chats)
    .filter((c) => !c.asked && c.stage !== 'closed')
    .map((c) => (c.owned ? { type: 'open', conversation: c.conversation, ...cursors(c) } : { type: 'watch', conversation: c.conversation }));
}

// Without a cursor the last hundred come, and older ones when they are read. What came by itself before is no beginning.
function cursors(chat) {
  return chat.opened && chat.messages.length ? { after: chats.lastSeq(chat), after_note: chats.lastNote(chat) } : {};
}

/** What was given away while the line was gone leaves; what is ours now comes. */
function settled(desk, ids, now) {
  const kept = Object.fromEntries(ids.map((id) => [id, owned(desk.chats[id], id)]));
  const others = Object.fromEntries(Object.entries(desk.chats).filter(([id, c]) => !kept[id] && (!c.owned || c.stage === 'closed')));
  const all = { ...others, ...kept };
  const next = { ...desk, chats: all, current: all[desk.current] ? desk.current : (ids[0] ?? null) };
  const gone = Object.keys(desk.chats).some((id) => !all[id]);
  return gone ? noticed(next, '断线期间有会话转给了别人，列表已更新', now) : next;
}

function owned(chat, conversation, context = {}) {
  const base = chat ?? chats.newChat(conversation);
  return { ...base, owned: true, stage: 'agent', context: { ...base.context, ...context } };
}

function inChat(desk, { conversation }, change) {
  const chat = desk.chats[conversation];
  if (!chat) return desk;
  const changed = change(chat);
  return changed === chat ? desk : { ...desk, chats: { ...desk.chats, [conversation]: changed } };
}

function without(desk, conversation) {
  const { [conversation]: gone, ...rest } = desk.chats;
  const current = desk.current === conversation ? (Object.values(rest).find((c) => c.owned)?.conversation ?? null) : desk.current;
  return gone ? { ...desk, chats: rest, current } : desk;
}

function holding(desk, id) {
  return Object.values(desk.chats).find((c) => c.unsent.some((u) => u.id === id));
}

function withoutOffer(desk, conversation) {
  return { ...desk, offers: desk.offers.filter((o) => o.conversation !== conversation) };
}

function noticed(desk, text, now) {
  const id = `${now}-${desk.notices.length}`;
  return { ...desk, notices: [...desk.notices.filter((n) => n.text !== text), { id, text, at: now }].slice(-3) };
}

function compared(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}
