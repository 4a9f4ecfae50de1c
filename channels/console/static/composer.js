/** Where the agent writes: to the citizen or for the staff; canned replies by `/`. */
import { filled, firstOpen, matching, open } from './canned.js';
import { day } from './clock.js';
import { html, useEffect, useRef, useState } from './preact.js';
import { city } from './place.js';
import { ProposeDialog } from './propose.js';
import { Reach } from './reach.js';
import { read } from './rest.js';

const LONGEST = 2000; // as bot/seats.py
let replies = null;

export async function loadReplies(anew = false) {
  if (anew || !replies) replies = (await read('/desk/replies')).replies;
  return replies;
}

/** @param {{ chat: any, seat: any, me: any, box: any, tab: string, setTab: (t: string) => void }} props */
export function Composer({ chat, seat, me, box, tab, setTab }) {
  const [canned, setCanned] = useState(false);
  const [proposing, setProposing] = useState(false);
  const kinds = chat.owned ? { say: '回复市民', note: '内部备注' } : { whisper: '悄悄话' };
  const kind = kinds[tab] ? tab : Object.keys(kinds)[0];
  const isNote = kind !== 'say';
  const text = isNote ? chat.noteDraft : chat.draft;
  const write = (value) => seat.draft(chat.conversation, value, isNote);
  const left = LONGEST - [...text].length;
  const unfilled = kind === 'say' ? open(text) : [];

  function send(event) {
    event?.preventDefault();
    const now = seat.desk.chats[chat.conversation];
    const words = isNote ? now.noteDraft : now.draft; // what is drawn may be one picture behind
    if (!words.trim() || [...words].length > LONGEST) return;
    if (kind === 'say' && open(words).length) {
      box.current.setSelectionRange(...firstOpen(words));
      return;
    }
    seat.say(kind, chat.conversation, words.trim());
    write('');
    box.current?.focus();
  }

  function key(event) {
    if (event.isComposing || event.keyCode === 229) return; // the input method's own Enter
    if (event.key === 'Enter' && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      send();
    } else if (event.key === '/' && !text && kind === 'say') {
      event.preventDefault();
      setCanned(true);
    }
  }

  function put(reply) {
    const values = { agent: me.name, number: me.number, city: city(), date: day(Date.now()), 姓名: me.name, 工号: me.number, 城市: city(), 日期: day(Date.now()) };
    const words = filled(reply.text, values);
    write(words);
    setCanned(false);
    requestAnimationFrame(() => {
      box.current.focus();
      box.current.setSelectionRange(...(firstOpen(words) ?? [words.length, words.length]));
    });
  }

  return html`<form class=${`desk-composer${isNote ? ' desk-composer--note' : ''}`} onSubmit=${send}>
    ${proposing ? html`<${ProposeDialog} chat=${chat} close=${() => { setProposing(false); box.current?.focus(); }} />` : null}
    ${canned ? html`<${Canned} put=${put} close=${() => { setCanned(false); box.current?.focus(); }} />` : null}
    <div class="tabs" role="tablist" aria-label="写给谁">${Object.entries(kinds).map(([name, label]) => html`<button key=${name} type="button" role="tab" id=${`tab-${name}`}
      aria-selected=${name === kind ? 'true' : 'false'} aria-controls="words" tabindex=${name === kind ? 0 : -1}
      onKeyDown=${(e) => turn(e, Object.keys(kinds), kind, setTab)} onClick=${() => setTab(name)}>${label}</button>`)}</div>
    <div role="tabpanel" id="words" aria-labelledby=${`tab-${kind}`}>
      ${kind === 'say' && chat.context.channel === 'wechat' ? html`<${Reach} chat=${chat} />` : null}
      <label class="vh" for="say">${kinds[kind]}</label>
      <textarea id="say" ref=${box} value=${text} placeholder=${{ say: '写给市民', note: '只有坐席看得到', whisper: '只有坐席看得到，市民看不到' }[kind]} onInput=${(e) => write(e.target.value)} onKeyDown=${key} aria-invalid=${left < 0 ? 'true' : null} aria-describedby="say-left"></textarea>
      <div class="row row--between"><span class="row">
          ${isNote ? null : html`<button class="btn btn--sm" type="button" onClick=${() => setCanned(!canned)} aria-expanded=${canned}>常用语 <span class="kbd" aria-hidden="true">/</span></button>
          <button class="btn btn--sm" type="button" onClick=${() => seat.push(chat.conversation, 'message')}>发留言表</button>
          <button class="btn btn--sm" type="button" onClick=${() => setProposing(true)}>提给知识库</button>`}
          <span id="say-left" class=${left < 0 ? 'tiny num bad' : 'tiny num'}>${left < 0 ? `超出 ${-left} 字` : `${LONGEST - left} / ${LONGEST}`}</span>
          ${unfilled.length ? html`<span class="tiny warn">还没填：${unfilled.join('、')}</span>` : null}
        </span>
        <button class=${`btn ${isNote ? '' : 'btn--primary'}`} type="submit" disabled=${!text.trim() || left < 0}>${{ say: '发送', note: '记下', whisper: '说给坐席' }[kind]} <span class="kbd" aria-hidden="true">Enter</span></button></div>
    </div>
  </form>`;
}

function turn(event, names, at, set) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const name = names[(names.indexOf(at) + step + names.length) % names.length];
  set(name);
  requestAnimationFrame(() => document.getElementById(`tab-${name}`)?.focus());
}

function Canned({ put, close }) {
  const [list, setList] = useState(replies ?? []);
  const [search, setSearch] = useState('');
  const [at, setAt] = useState(0);
  const [fault, setFault] = useState('');
  const box = useRef(null);
  const found = matching(list, search).slice(0, 8);
  useEffect(() => {
    box.current.focus();
    loadReplies(true).then(setList, (problem) => setFault(problem.message));
  }, []);

  function key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === 'Escape') close();
    else if (event.key === 'Enter' && !event.isComposing) found[at] && put(found[at]);
    else if (step) setAt((at + step + found.length) % Math.max(1, found.length));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return html`<div class="canned" onKeyDown=${key}>
    <div class="row"><label class="vh" for="canned">找常用语</label>
      <input class="input grow" id="canned" ref=${box} role="combobox" aria-expanded="true" aria-controls="canned-list" aria-activedescendant=${found.length ? `canned-${at}` : null} autocomplete="off"
        placeholder="找常用语" value=${search} onInput=${(e) => { setSearch(e.target.value); setAt(0); }} />
      <button class="btn btn--plain btn--sm" type="button" onClick=${close}>收起</button></div>
    ${fault ? html`<p class="error">${fault}</p>` : null}
    <ul role="listbox" id="canned-list" aria-label="常用语">${found.map((reply, n) => html`<li key=${reply.id} role="option" id=${`canned-${n}`} aria-selected=${n === at ? 'true' : 'false'} onClick=${() => put(reply)}>
      <b>${reply.title}</b><span class="small muted">${reply.text}</span></li>`)}</ul>
    ${!found.length && !fault ? html`<p class="small muted">没有找到。常用语在“工单”页旁的“常用语”里维护。</p>` : null}
  </div>`;
}
