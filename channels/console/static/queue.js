/** The left pane: offers, my conversations, who waits, whom I watch. */
import * as chats from './chat.js';
import { held, mine } from './desk.js';
import { AskToNotify } from './frame.js';
import { Channel, channelName } from './icons.js';
import { topicName } from './place.js';
import { html, useState } from './preact.js';
import { Left, Since } from './since.js';

const OFFER_SECONDS = 20;
// From here on somebody lost his agent or was passed on (HEAD in bot/desk.py).
const HEAD = 1000;

export function QueuePane({ seat, me, choose }) {
  const { desk } = seat;
  const [, again] = useState(0);
  const own = mine(desk);
  const watched = Object.values(desk.chats).filter((c) => !c.owned);
  const full = desk.capacity > 0 && held(desk) >= desk.capacity;
  return html`<section class="pane pane--queue" aria-label="排队与我的会话">
    <div class="pane__scroll" tabindex="0" role="group" aria-label="会话列表">
      ${desk.missed > 1 && desk.status === 'away' ? html`<p class="note">两次没有接起，已改为离开。回来后请把状态改为在线。</p>` : null}
      ${desk.status === 'offline' ? html`<p class="note note--info">您现在是下线状态，不会收到新会话。</p>` : null}
      ${desk.offers.map((offer) => html`<${Offer} key=${offer.conversation} offer=${offer} seat=${seat} />`)}
      <h2 class="pane__h">我的会话 <span class="count">${held(desk)}${desk.capacity ? ` / ${desk.capacity}` : ''}</span><${AskToNotify} done=${() => again((n) => n + 1)} /></h2>
      ${own.length ? html`<ul>${own.map((chat) => html`<${Mine} key=${chat.conversation} chat=${chat} current=${desk.current} choose=${choose} />`)}</ul>` : html`<p class="pane__none muted small">还没有会话</p>`}
      ${watched.length ? html`<h2 class="pane__h">旁听 <span class="count">${watched.length}</span></h2><ul>${watched.map((chat) => html`<${Mine} key=${chat.conversation} chat=${chat} current=${desk.current} choose=${choose} />`)}</ul>` : null}
      <h2 class="pane__h">排队 <span class="count">${desk.queue.count}</span></h2>
      ${desk.queue.count ? html`<ul>${desk.queue.waiting.map((w) => html`<${Waiting} key=${w.conversation} waiting=${w} seat=${seat} barred=${full || desk.link !== 'live' || desk.status !== 'online'} />`)}</ul>` : html`<p class="pane__none muted small">没有人在排队</p>`}
      ${desk.queue.count > desk.queue.waiting.length ? html`<p class="pane__none muted small">这里列出前 ${desk.queue.waiting.length} 位</p>` : null}
    </div>
  </section>`;
}

/** "网页 · 等了 00:52 · 机器人答过 2 次" */
function Offer({ offer, seat }) {
  const { conversation, context = {}, expires_at: until } = offer;
  const answered = (context.answers ?? []).length;
  return html`<section class="offer" role="alertdialog" aria-labelledby=${`o-${conversation}`} aria-describedby=${`d-${conversation}`}>
    <p class="row"><b id=${`o-${conversation}`}>新会话</b><${Priority} value=${context.priority} scene=${context.scene} />
      <span class="countdown num" aria-hidden="true"><${Left} until=${until} whole=${OFFER_SECONDS}>${(left) => `${left} 秒`}<//></span></p>
    <p id=${`d-${conversation}`}>${context.last_text || topicName(context.topic)}<br />
      <span class="small muted">${channelName(context.channel)} · ${topicName(context.topic)}${context.since ? html` · 等了 <${Since} at=${context.since} plain=${true} name="" />` : null}${answered ? ` · 机器人答过 ${answered} 次` : ''}</span></p>
    <${Left} until=${until} whole=${OFFER_SECONDS}>${(left) => html`<progress value=${left} max=${OFFER_SECONDS} aria-label="剩余应答时间"></progress>`}<//>
    <div class="row"><button class="btn btn--accept grow" type="button" onClick=${() => seat.accept(conversation)}>接入 <span class="kbd" aria-hidden="true">Alt A</span></button>
      <button class="btn" type="button" onClick=${() => seat.do({ type: 'decline', conversation })}>不接</button></div>
  </section>`;
}

/** Why somebody goes before others, in words. */
export function Priority({ value, scene }) {
  const names = [Number(value) >= HEAD ? '接着办' : Number(value) > 0 ? '优先' : '', /elder/.test(scene ?? '') ? '老年人' : ''].filter(Boolean);
  return names.map((name) => html`<span class="tag tag--warn" key=${name}>${name}</span>`);
}

function Mine({ chat, current, choose }) {
  const last = chat.messages.findLast?.((m) => m.party !== 'system' && !m.recalled) ?? null;
  const waits = chat.stage === 'agent' && chat.owned ? chats.waitsSince(chat) : null;
  const count = chat.owned ? chats.unread(chat) : 0;
  const said = last ? `${last.party === 'agent' ? (chat.owned ? '您：' : '坐席：') : last.party === 'bot' ? '机器人：' : ''}${last.text}` : '';
  const typing = chat.typingUntil > Date.now();
  return html`<li><button class="item" type="button" aria-current=${chat.conversation === current ? 'true' : null} onClick=${() => choose(chat.conversation)}>
    <${Channel} name=${chat.context.channel} /><b><span class="vh">${channelName(chat.context.channel)} </span>${topicName(chat.context.topic)}</b>
    ${waits ? html`<${Since} at=${waits} />` : html`<span class="when">${chat.stage === 'closed' ? '已结束' : ''}</span>`}
    <span class="sub">${typing ? '正在输入…' : said}</span>
    <span class="side">${count ? html`<span class="badge"><span class="vh">未读 </span>${count}</span>` : chat.unsent.some((u) => u.state === 'failed') ? html`<span class="tag tag--danger">没发出</span>` : null}</span>
  </button></li>`;
}

function Waiting({ waiting, seat, barred }) {
  const { conversation, channel, topic, since, position } = waiting;
  return html`<li class="waiting"><div class="item item--still">
    <${Channel} name=${channel} /><b><span class="vh">${channelName(channel)} </span>${topicName(topic)}</b><${Since} at=${since} />
    <span class="sub">第 ${position} 位${waiting.offered_to ? ' · 正在叫坐席' : waiting.present === false ? ' · 市民暂时离开' : ''} <${Priority} value=${waiting.priority} /></span>
    <span class="side"><button class="btn btn--sm" type="button" disabled=${barred} onClick=${() => seat.accept(conversation)}>接入<span class="vh">第 ${position} 位</span></button></span>
  </div></li>`;
}
