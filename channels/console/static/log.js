/** The conversation as it was said; of a long one only a span is drawn. */
import * as chats from './chat.js';
import { withoutMarks } from './canned.js';
import { shown } from './clock.js';
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from './preact.js';
import { query, read } from './rest.js';
import { useNow } from './since.js';
import { drawn, earlier, later, newest, shifted } from './span.js';

const NEAR = 160;
const PAGE = 100;

export function Log({ chat, seat, me }) {
  const rows = useMemo(() => chats.rows(chat), [chat.messages, chat.notes, chat.unsent]);
  const [at, setAt] = useState(newest);
  const [loading, setLoading] = useState(false);
  const box = useRef(null);
  const held = useRef({ bottom: true, key: '', top: 0 });
  const { from, to } = drawn(at, rows.length);
  const first = rows[0]?.key;
  const known = useRef(first);
  const climbing = useRef(false); // from asking for a page until it is drawn: one at a time

  // Rows put above by a page of history move the numbers of all below; who asked for the page then sees its end.
  useMemo(() => {
    const moved = rows.findIndex((r) => r.key === known.current);
    if (moved > 0) setAt((span) => (climbing.current ? earlier({ end: (span.end ?? rows.length - moved) + moved }, rows.length) : shifted(span, moved)));
    climbing.current = false;
    known.current = first;
  }, [first]);

  useEffect(() => {
    const mark = () => document.visibilityState === 'visible' && seat.look(chat);
    mark();
    document.addEventListener('visibilitychange', mark);
    return () => document.removeEventListener('visibilitychange', mark);
  }, [chats.lastSeq(chat)]);

  // What was being read stays where it was; who was at the end stays at the end.
  useLayoutEffect(() => {
    const node = box.current;
    if (held.current.bottom && at.end === null) node.scrollTop = node.scrollHeight;
    else {
      const row = held.current.key && node.querySelector(`[data-key="${CSS.escape(held.current.key)}"]`);
      if (row) node.scrollTop += row.offsetTop - held.current.top;
    }
    hold();
  }, [rows, from, to, chat.typingUntil]);

  // A head that wraps or a box that grows takes room from the log: its end must stay in sight.
  useEffect(() => {
    const seen = new ResizeObserver(() => {
      if (held.current.bottom) box.current.scrollTop = box.current.scrollHeight;
    });
    seen.observe(box.current);
    return () => seen.disconnect();
  }, []);

  function hold() {
    const node = box.current;
    const bottom = node.scrollHeight - node.scrollTop - node.clientHeight < 40;
    const row = [...node.querySelectorAll('[data-key]')].find((r) => r.offsetTop + r.offsetHeight > node.scrollTop);
    held.current = { bottom, key: row?.dataset.key ?? '', top: row?.offsetTop ?? 0 };
  }

  async function up() {
    hold();
    if (climbing.current) return;
    if (from > 0) {
      setAt(earlier(at, rows.length));
      return;
    }
    if (chats.isWhole(chat) || !chat.messages.length) return;
    climbing.current = true;
    setLoading(true);
    try {
      const page = await read(`/desk/conversations/${chat.conversation}/messages${query({ before: chat.messages[0].seq, limit: PAGE })}`);
      climbing.current = page.messages.length > 0;
      seat.happen({ type: 'history', conversation: chat.conversation, messages: page.messages, notes: [] });
    } catch (problem) {
      climbing.current = false;
      seat.happen({ type: 'noticed', text: problem.message });
    }
    setLoading(false);
  }

  function down() {
    hold();
    setAt(later(at, rows.length));
  }

  function scrolled() {
    hold();
    const node = box.current;
    if (node.scrollTop < NEAR && node.scrollHeight > node.clientHeight) up();
    else if (at.end !== null && node.scrollHeight - node.scrollTop - node.clientHeight < NEAR) down();
  }

  function toEnd() {
    held.current.bottom = true;
    setAt(newest);
    box.current.scrollTop = box.current.scrollHeight;
  }

  const typing = chat.typingUntil > Date.now();
  const older = from > 0 || (chat.messages.length > 0 && !chats.isWhole(chat));
  return html`<div class="talk__log" role="log" aria-label="对话记录" tabindex="0" ref=${box} onScroll=${scrolled}>
      ${older ? html`<button class="btn btn--sm talk__more" type="button" onClick=${up} disabled=${loading}>${loading ? '正在取更早的消息' : '更早的消息'}</button>` : null}
      ${rows.slice(from, to).map((row) => html`<${Turn} key=${row.key} row=${row} chat=${chat} seat=${seat} me=${me} />`)}
      ${typing && at.end === null ? html`<p class="tiny" role="status">市民正在输入</p>` : null}
    </div>
    ${at.end !== null ? html`<button class="btn btn--sm talk__end" type="button" onClick=${toEnd}>回到最新消息</button>` : null}`;
}

function Turn({ row, chat, seat, me }) {
  const when = shown(row.at, Date.now());
  if (row.kind === 'system') return html`<p class=${`divider${/^human_/.test(row.because ?? '') ? ' divider--human' : ''}`} data-key=${row.key}>${when} ${String(row.text)}</p>`;
  if (row.kind === 'note' || (row.kind === 'unsent' && row.of !== 'say')) {
    const whisper = row.whisper || row.of === 'whisper';
    const who = row.kind === 'unsent' || row.agent === me.username ? '您' : (row.agent ?? '');
    return html`<div class="turn turn--note" data-key=${row.key}>
      <p class="turn__who">${whisper ? '班长悄悄话' : '内部备注'} · 市民看不到 · ${who} ${when}</p><p class="bubble">${String(row.text)}</p><${Delivery} row=${row} chat=${chat} seat=${seat} /></div>`;
  }
  if (row.kind === 'unsent' || row.party === 'agent') return html`<${Ours} row=${row} chat=${chat} seat=${seat} me=${me} when=${when} />`;
  const bot = row.party === 'bot';
  return html`<div class=${bot ? 'turn turn--bot' : 'turn'} data-key=${row.key}>
    <p class="turn__who">${bot ? '机器人' : '市民'} ${when}${bot && row.answer_code ? html` <span class="tag">${row.answer_code}</span>` : null}</p>
    <p class="bubble">${bot ? withoutMarks(row.text) : String(row.text)}${row.media ? html` <a href=${row.media} target="_blank" rel="noopener">打开</a>` : null}</p>${row.recalled ? html`<p class="msg__state">已撤回</p>` : null}</div>`;
}

function Ours({ row, chat, seat, me, when }) {
  const own = row.kind === 'unsent' || row.agent?.username === me.username;
  const who = own ? '您' : `坐席 ${row.agent?.name ?? ''}`;
  if (row.recalled) return html`<div class="turn turn--mine" data-key=${row.key}><p class="turn__who">${who} ${when}</p><p class="bubble muted">这条消息已撤回</p></div>`;
  const ours = own && row.kind === 'message' && chat.owned && chat.stage === 'agent';
  return html`<div class="turn turn--mine" data-key=${row.key}>
    <p class="turn__who">${who} ${when}</p><p class="bubble">${String(row.text)}</p>
    ${row.kind === 'unsent' ? html`<${Delivery} row=${row} chat=${chat} seat=${seat} />` : html`<p class="msg__state">${row.seq <= chat.read ? '已读' : '已送达'}${ours ? html` <${Recall} row=${row} chat=${chat} seat=${seat} />` : null}</p>`}</div>`;
}

function Recall({ row, chat, seat }) {
  if (!chats.mayRecall(row, useNow())) return null;
  return html`<button class="btn btn--quiet btn--sm" type="button" onClick=${() => seat.do({ type: 'recall', conversation: chat.conversation, seq: row.seq })}>撤回</button>`;
}

function Delivery({ row, chat, seat }) {
  if (row.kind !== 'unsent') return null;
  if (row.state !== 'failed') return html`<p class="msg__state">${row.state === 'kept' ? '已送达' : seat.desk.link === 'live' ? '正在发送' : '接通后发送'}</p>`;
  return html`<p class="msg__state msg__state--bad">没有发出：${row.reason}
    <button class="btn btn--sm" type="button" onClick=${() => seat.retry(chat.conversation, row)}>再发一次</button>
    <button class="btn btn--plain btn--sm" type="button" onClick=${() => seat.drop(chat.conversation, row.id)}>不发了</button></p>`;
}
