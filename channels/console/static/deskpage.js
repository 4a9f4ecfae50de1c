/** The agent's desk: three panes and the keys. */
import { Aside, clean } from './aside.js';
import { Composer } from './composer.js';
import { mine } from './desk.js';
import { CloseDialog, TransferDialog } from './handing.js';
import { channelName } from './icons.js';
import { KeysDialog, isWriting } from './keys.js';
import { Log } from './log.js';
import { topicName } from './place.js';
import { html, useEffect, useRef, useState } from './preact.js';
import { QueuePane } from './queue.js';
import { Strip } from './strip.js';

export function DeskPage({ me, seat, go }) {
  const { desk } = seat;
  const [pane, setPane] = useState('list');
  const [dialog, setDialog] = useState('');
  const [tab, setTab] = useState('say');
  const box = useRef(null);
  const chat = desk.chats[desk.current];

  function choose(conversation) {
    seat.happen({ type: 'chosen', conversation });
    setPane('talk');
    setTab('say');
    requestAnimationFrame(() => box.current?.focus());
  }

  function edit(text) {
    setTab('say');
    seat.draft(chat.conversation, text, false);
    setPane('talk');
    box.current?.focus();
    requestAnimationFrame(() => box.current?.focus()); // on a narrow screen the pane shows only then
  }

  const acts = {
    KeyA: () => desk.offers[0] && seat.accept(desk.offers[0].conversation),
    KeyX: () => desk.offers[0] && seat.do({ type: 'decline', conversation: desk.offers[0].conversation }),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    KeyR: () => toTab('say'),
    KeyN: () => toTab('note'),
    KeyT: () => isLive && setDialog('transfer'),
    KeyQ: () => isLive && setDialog('close'),
    KeyS: () => document.getElementById('library')?.focus(),
    Digit1: () => suggested(0),
    Digit2: () => suggested(1),
    Digit3: () => suggested(2),
    Slash: () => setDialog('keys'),
  };
  const isLive = chat?.owned && chat.stage === 'agent';

  // The browser says that a dialog closed a moment after it did: by then the next may be open.
  const shut = (name) => () => setDialog((now) => (now === name ? '' : now));

  function step(by) {
    const all = mine(desk);
    if (all.length) choose(all[(all.findIndex((c) => c.conversation === desk.current) + by + all.length) % all.length].conversation);
  }

  // The box is the same for both, so the focus need not wait for the next picture: the next key may be pressed already.
  function toTab(name) {
    setTab(name);
    box.current?.focus();
  }

  function suggested(n) {
    if (isLive && chat.suggestions[n]) edit(clean(chat.suggestions[n].text));
  }

  useEffect(() => {
    const pressed = (event) => {
      if (document.querySelector('dialog[open]')) return;
      if (event.key === '?' && !isWriting(event.target)) setDialog('keys');
      else if (event.altKey && !event.ctrlKey && !event.metaKey && Object.hasOwn(acts, event.code)) acts[event.code]();
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  });

  const show = (name) => (pane === name ? ' is-shown' : '');
  return html`${me.rights.includes('supervise') ? html`<${Strip} go=${go} />` : null}
    <main class=${`desk desk--${pane}`} aria-label="坐席工作台">
      <h1 class="vh">坐席工作台</h1>
      <div class=${`slot${show('list')}`}><${QueuePane} seat=${seat} me=${me} choose=${choose} /></div>
      <div class=${`slot${show('talk')}`}>${chat ? html`<${Talk} key=${chat.conversation} chat=${chat} seat=${seat} me=${me} box=${box} tab=${tab} setTab=${setTab} open=${setDialog} />` : html`<${Nothing} />`}</div>
      <div class=${`slot slot--context${show('context')}`}>${chat ? html`<${Aside} key=${chat.conversation} chat=${chat} seat=${seat} edit=${edit} />` : html`<aside class="pane pane--context" aria-label="市民情况"></aside>`}</div>
    </main>
    <nav class="panes-nav" aria-label="栏目">${[['list', '列表'], ['talk', '对话'], ['context', '资料']].map(([name, label]) => html`<button key=${name} type="button" aria-current=${pane === name ? 'page' : null} onClick=${() => setPane(name)}>${label}</button>`)}</nav>
    ${dialog === 'transfer' && chat ? html`<${TransferDialog} chat=${chat} seat=${seat} me=${me} close=${shut('transfer')} />` : null}
    ${dialog === 'close' && chat ? html`<${CloseDialog} chat=${chat} seat=${seat} close=${shut('close')} />` : null}
    ${dialog === 'keys' ? html`<${KeysDialog} close=${shut('keys')} />` : null}`;
}

function Nothing() {
  return html`<section class="pane" aria-label="对话"><div class="empty"><h2>没有打开的会话</h2><p class="muted">有新会话时会响铃，按 <span class="kbd">Alt A</span> 接入。按 <span class="kbd">?</span> 看全部快捷键。</p></div></section>`;
}

function Talk({ chat, seat, me, box, tab, setTab, open }) {
  const { conversation, context } = chat;
  const isLive = chat.owned && chat.stage === 'agent';
  const who = chat.stage === 'closed' ? '已结束' : chat.owned ? '您在接待' : `旁听 · ${chat.agent?.name ?? context.agent?.name ?? '坐席'} 在接待`;
  return html`<section class="pane is-shown" aria-label="对话">
    <header class="talk__head">
      <div class="grow"><h2>${topicName(context.topic)}</h2><p class="small muted">${channelName(context.channel)} · 匿名市民 · 会话 ${conversation.slice(0, 8)} · ${who}</p></div>
      <div class="row">
        ${isLive ? html`<button class="btn" type="button" onClick=${() => open('transfer')}>转接</button>
          <button class="btn" type="button" onClick=${() => seat.do({ type: 'release', conversation })}>交回机器人</button>
          <button class="btn btn--danger" type="button" onClick=${() => open('close')}>结束</button>` : null}
        ${!chat.owned && chat.stage === 'agent' ? html`<button class="btn" type="button" onClick=${() => seat.do({ type: 'take_over', conversation })}>接管</button>` : null}
        ${!chat.owned || chat.stage === 'closed' ? html`<button class="btn" type="button" onClick=${() => { seat.do({ type: 'leave', conversation }); seat.happen({ type: 'put_away', conversation }); }}>${chat.owned ? '收起' : '不再旁听'}</button>` : null}
      </div>
    </header>
    <${Log} chat=${chat} seat=${seat} me=${me} />
    ${chat.stage === 'closed' ? html`<p class="talk__over muted">会话已结束。市民再来会重新排队。</p>` : html`<${Composer} chat=${chat} seat=${seat} me=${me} box=${box} tab=${tab} setTab=${setTab} />`}
  </section>`;
}
