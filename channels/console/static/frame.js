/** The staff's frame: menu, status, and what must be known on every page. */
import { unread } from './chat.js';
import { held, mine } from './desk.js';
import { Icon, Mark } from './icons.js';
import { topicName } from './place.js';
import { html } from './preact.js';
import { askToNotify, mayNotify } from './ring.js';
import { Left, useNow } from './since.js';

const STATUSES = { online: '在线', away: '离开', offline: '下线' };
const DOTS = { online: 'dot--on', away: 'dot--warn', offline: '' };

export function Frame({ me, pages, page, go, seat, leave, children }) {
  const desk = seat?.desk;
  return html`<div class="app">
    <a class="skip" href="#main">跳到正文</a>
    <header class="top">
      <p class="top__name"><${Mark} />社保易答</p>
      <nav class="nav" aria-label="主菜单">${pages.map((p) => html`<a key=${p.path} href=${p.path} aria-current=${p === page ? 'page' : null}
        onClick=${(e) => follow(e, () => go(p.path))}>${p.name}${p === pages[0] && p !== page && desk ? html`<${Unread} desk=${desk} />` : null}</a>`)}</nav>
      <div class="top__me">
        ${desk ? html`<span class="muted small hide-s">接待 <b class="num">${held(desk)}</b>${desk.capacity ? ` / ${desk.capacity}` : ''}</span><${Status} seat=${seat} />` : null}
        <span class="hide-s">${me.name || me.username}${me.number ? ` ${me.number}` : ''}</span>
        <button class="btn btn--plain btn--sm" type="button" onClick=${leave}>退出</button>
      </div>
    </header>
    ${desk ? html`<${Banner} desk=${desk} />${page.path === pages[0].path ? null : html`<${Calling} seat=${seat} go=${() => go(pages[0].path)} />`}<${Notices} seat=${seat} />` : null}
    <div class="below" id="main" tabindex="-1">${children}</div>
  </div>`;
}

function Unread({ desk }) {
  const count = mine(desk).reduce((n, chat) => n + unread(chat), 0);
  return count ? html`<span class="badge"><span class="vh">未读 </span>${count}</span>` : null;
}

/** An offer is seen on every page, and taken from every page. */
function Calling({ seat, go }) {
  const [offer] = seat.desk.offers;
  if (!offer) return null;
  const { conversation, context = {} } = offer;
  const take = () => {
    seat.accept(conversation);
    go();
  };
  return html`<section class="calling" role="alertdialog" aria-labelledby="calling" aria-describedby="calling-about">
    <b id="calling">新会话</b><span class="grow" id="calling-about">${context.last_text || topicName(context.topic)}</span>
    <span class="num" aria-hidden="true"><${Left} until=${offer.expires_at} whole=${0}>${(left) => `${left} 秒`}<//></span>
    <button class="btn btn--accept" type="button" onClick=${take}>接入</button><button class="btn" type="button" onClick=${() => seat.do({ type: 'decline', conversation })}>不接</button>
  </section>`;
}

/** A plain press goes by our own way; a press with a key opens another tab as anywhere. */
function follow(event, act) {
  if (event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  act();
}

function Status({ seat }) {
  const { link, status } = seat.desk;
  return html`<label class="status"><span class=${`dot ${DOTS[status] ?? ''}`}></span><span class="vh">我的状态</span>
    <select class="status__pick" value=${status} disabled=${link !== 'live'} onChange=${(e) => seat.do({ type: 'status', value: e.target.value })}>
      ${Object.entries(STATUSES).map(([value, name]) => html`<option key=${value} value=${value} selected=${value === status}>${name}</option>`)}
    </select></label>`;
}

function Banner({ desk }) {
  if (desk.link === 'live' || (desk.link === 'connecting' && !desk.lostAt)) return html`<div role="status" class="banner" hidden></div>`;
  if (desk.link === 'forbidden') return html`<div role="status" class="banner"><${Icon} name="warn" />这个账号不能坐席接待，请找管理员。</div>`;
  return html`<div role="status" class="banner"><${Icon} name="warn" /><span>网络断了，正在重新接通。写的字都留着，接通后自动补发。</span><${Gone} at=${desk.lostAt} /></div>`;
}

// The seconds are for the eye only: a live region would read each of them out.
function Gone({ at }) {
  return html`<span class="num" aria-hidden="true">${Math.max(0, Math.floor((useNow() - at) / 1000))} 秒</span>`;
}

function Notices({ seat }) {
  return html`<div class="notices" role="status">${seat.desk.notices.map((n) => html`<p class="notice" key=${n.id}>${n.text}
    <button class="btn btn--plain btn--sm" type="button" aria-label=${`知道了：${n.text}`} onClick=${() => seat.happen({ type: 'dismissed', id: n.id })}>知道了</button></p>`)}</div>`;
}

/** Desktop notices must be asked for by a press. */
export function AskToNotify({ done }) {
  if (mayNotify() !== 'default') return null;
  return html`<button class="btn btn--quiet btn--sm" type="button" onClick=${() => askToNotify().then(done)}><${Icon} name="bell" />打开桌面提醒</button>`;
}
