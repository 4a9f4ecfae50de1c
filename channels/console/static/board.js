/** The supervisor's wall board: the hall in numbers, who serves, who waits, and what she may do about it. */
import { span, urgency } from './clock.js';
import { TransferDialog } from './handing.js';
import { Channel, channelName } from './icons.js';
import { topicName } from './place.js';
import { html, useState } from './preact.js';
import { Since } from './since.js';
import { useWatched } from './watching.js';

const EVERY = 2000;
const STATUSES = { online: '在线', away: '离开', offline: '下线' };

export function BoardPage({ me, seat, go }) {
  const [board, fault, again] = useWatched('/desk/board', EVERY);
  const [talks] = useWatched('/desk/conversations?scope=recent', EVERY);
  const [assigning, setAssigning] = useState(null);
  const serving = (talks?.conversations ?? []).filter((c) => c.stage === 'agent');

  function watch(talk) {
    seat.happen({ type: 'watched', conversation: talk.conversation, context: talk, agent: talk.agent });
    go('/console');
  }

  function takeOver(talk) {
    seat.do({ type: 'take_over', conversation: talk.conversation });
    go('/console');
  }

  return html`<main class="sheet" aria-label="班长看板"><div class="sheet__in sheet__in--wide">
    <h1 class="page-title">班长看板</h1>
    <p role="status" class=${fault ? 'note' : ''}>${fault ? `数字暂时没有更新：${fault}` : ''}</p>
    ${board ? html`<${Numbers} board=${board} />` : html`<p class="muted">正在取数字</p>`}
    <section class="card"><h2>排队 <span class="muted num">${seat.desk.queue.count}</span></h2>
      <${Waiting} waiting=${seat.desk.queue.waiting} assign=${setAssigning} /></section>
    <section class="card"><h2>接待中 <span class="muted num">${serving.length}</span></h2>
      <${Serving} talks=${serving} me=${me} watch=${watch} takeOver=${takeOver} assign=${setAssigning} /></section>
    <section class="card"><h2>坐席</h2>
      <${Agents} agents=${board?.agents ?? []} me=${me} away=${(agent) => { seat.do({ type: 'force_away', agent }); again(); }} /></section>
    ${assigning ? html`<${TransferDialog} chat=${assigning} seat=${seat} me=${me} assign=${true} close=${() => setAssigning(null)} />` : null}
  </div></main>`;
}

function Numbers({ board }) {
  const { today, tickets } = board;
  const wait = Math.round(board.longest_wait_seconds ?? 0);
  const share = today.served ? `${Math.round((100 * today.within_15_seconds) / today.served)}%` : '—';
  const tiles = [
    ['排队', board.waiting, wait ? `最长 ${span(wait)}` : '没有人在等', urgency(wait) === 'late'],
    ['接待中', board.serving, `共 ${board.places} 个位子，空 ${board.free} 个`],
    ['在线坐席', board.online, `离开 ${board.away} 人`],
    ['今天求助', today.asked, `接通 ${today.served}，离开 ${today.left}`],
    ['15 秒接通', share, today.average_wait_seconds === null ? '今天还没有接通' : `平均等 ${span(Math.round(today.average_wait_seconds))}`],
    ['今天评价', today.average_stars ? Number(today.average_stars).toFixed(1) : '—', `${today.rated} 人评价 · 工单 ${tickets.open}，超期 ${tickets.overdue}`, tickets.overdue > 0],
  ];
  return html`<div class="kpis">${tiles.map(([name, n, small, bad]) => html`<section class="card kpi" key=${name}><h2>${name}</h2><p class="kpi__n">${n}</p><p class=${bad ? 'small bad' : 'small muted'}>${small}</p></section>`)}</div>`;
}

function Waiting({ waiting, assign }) {
  if (!waiting.length) return html`<p class="muted">没有人在排队</p>`;
  return html`<${Table} label="排队" head=${['位置', '渠道', '事项', '等了', '']}>${waiting.map((w) => html`<tr key=${w.conversation}>
    <td class="num">${w.position}</td><td>${channelName(w.channel)}</td><td>${topicName(w.topic)}</td><td><${Since} at=${w.since} name="wait" /></td>
    <td class="r"><button class="btn btn--sm" type="button" onClick=${() => assign(w)}>改派<span class="vh">第 ${w.position} 位</span></button></td></tr>`)}<//>`;
}

function Serving({ talks, me, watch, takeOver, assign }) {
  if (!talks.length) return html`<p class="muted">没有正在接待的会话</p>`;
  return html`<${Table} label="接待中的会话" head=${['会话', '事项', '坐席', '市民等了', '最后一句', '']}>${talks.map((t) => html`<tr key=${t.conversation}>
    <td><span class="row"><${Channel} name=${t.channel} /><span class="num">${t.conversation.slice(0, 8)}</span></span></td><td>${topicName(t.topic)}</td><td>${t.agent?.name}</td>
    <td>${t.owed_since ? html`<${Since} at=${t.owed_since} name="wait" />` : html`<span class="muted">已答复</span>`}</td><td class="cut">${t.last_text ?? ''}</td>
    <td class="r"><span class="row row--end">${t.agent?.username === me.username ? null : html`<button class="btn btn--sm" type="button" onClick=${() => watch(t)}>旁听</button>
      <button class="btn btn--sm" type="button" onClick=${() => takeOver(t)}>接管</button>`}
      <button class="btn btn--sm" type="button" onClick=${() => assign(t)}>改派</button></span></td></tr>`)}<//>`;
}

function Agents({ agents, me, away }) {
  if (!agents.length) return html`<p class="muted">还没有坐席上线</p>`;
  return html`<${Table} label="坐席" head=${['姓名', '工号', '状态', '接待', '技能', '']}>${agents.map((a) => html`<tr key=${a.username}>
    <td>${a.name || a.username}</td><td class="num">${a.number}</td><td>${a.here === false && a.status !== 'offline' ? '断线' : (STATUSES[a.status] ?? a.status)}</td><td class="num">${a.load} / ${a.capacity}</td>
    <td>${(a.skills ?? []).map(topicName).join('、') || '全部'}</td>
    <td class="r">${a.status === 'online' && a.username !== me.username ? html`<button class="btn btn--sm" type="button" onClick=${() => away(a.username)}>设为离开<span class="vh">：${a.name || a.username}</span></button>` : null}</td></tr>`)}<//>`;
}

export function Table({ label, head, children }) {
  return html`<div class="scroll-x" tabindex="0" role="group" aria-label=${label}><table class="table"><thead><tr>${head.map((name, n) => html`<th scope="col" key=${n}>${name || html`<span class="vh">操作</span>`}</th>`)}</tr></thead><tbody>${children}</tbody></table></div>`;
}
