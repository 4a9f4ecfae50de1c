/** Giving a conversation on, and ending it. */
import { Dialog, Fault } from './dialog.js';
import { html, useEffect, useState } from './preact.js';
import { skills } from './place.js';
import { read } from './rest.js';

/** To an agent or a skill that can take it, with a note; `assign` gives a supervisor the same choice without skills. */
export function TransferDialog({ chat, seat, me, close, assign = false }) {
  const [told, setTold] = useState(null);
  const [to, setTo] = useState('');
  const [note, setNote] = useState('');
  const [fault, setFault] = useState('');
  useEffect(() => {
    read('/desk/agents').then(({ agents }) => setTold(agents), (problem) => setFault(problem.message));
  }, []);
  const others = (told ?? []).filter((a) => a.username !== me.username || assign);
  const free = others.filter(isFree);
  // Who has no skill of her own takes everything.
  const groups = skills().filter(({ key }) => free.some((a) => !a.skills.length || a.skills.includes(key)));

  function give(event) {
    event.preventDefault();
    if (!to) return setFault('请选择转给谁');
    const [kind, name] = [to.slice(0, to.indexOf(':')), to.slice(to.indexOf(':') + 1)];
    seat.do(assign ? { type: 'assign', conversation: chat.conversation, agent: name } : { type: 'transfer', conversation: chat.conversation, to: { [kind]: name }, note: note.trim() });
    return close();
  }

  return html`<${Dialog} title=${assign ? '改派会话' : '转接会话'} close=${close}>
    <form class="stack" onSubmit=${give}>
      <${Fault} text=${fault} />
      <fieldset class="picks"><legend class="field__label">${assign ? '改派给' : '转给坐席'}</legend>
        ${told === null && !fault ? html`<p class="muted">正在取坐席名单</p>` : null}
        ${told && !others.length ? html`<p class="muted">没有别的坐席</p>` : null}
        ${others.map((a) => html`<label class="pick" key=${a.username}><input type="radio" name="to" value=${`agent:${a.username}`} disabled=${!isFree(a)} checked=${to === `agent:${a.username}`} onChange=${(e) => setTo(e.target.value)} />
          <span class="grow">${a.name || a.username}${a.number ? ` ${a.number}` : ''}</span><span class="small muted">${a.status === 'online' && a.here !== false ? `接待 ${a.load} / ${a.capacity}` : '不在线'}</span></label>`)}
      </fieldset>
      ${!assign && groups.length ? html`<fieldset class="picks"><legend class="field__label">或转给技能组</legend>
        <div class="picks__in">${groups.map(({ key, name }) => html`<label class="pick" key=${key}><input type="radio" name="to" value=${`skill:${key}`} checked=${to === `skill:${key}`} onChange=${(e) => setTo(e.target.value)} /><span>${name}</span></label>`)}</div></fieldset>` : null}
      ${assign ? null : html`<div class="field"><label for="handing-note">交代几句</label><p class="hint" id="handing-hint">只有接手的坐席看得到</p>
        <textarea class="input" id="handing-note" aria-describedby="handing-hint" maxlength="500" value=${note} onInput=${(e) => setNote(e.target.value)}></textarea></div>`}
      <div class="row row--end"><button class="btn" type="button" onClick=${close}>先不转</button><button class="btn btn--primary" type="submit">${assign ? '改派' : '转接'}</button></div>
    </form><//>`;
}

function isFree(agent) {
  return agent.status === 'online' && agent.here !== false && agent.load < agent.capacity;
}

export function CloseDialog({ chat, seat, close }) {
  const [codes, setCodes] = useState([]);
  const [resolved, setResolved] = useState(null);
  const [code, setCode] = useState('');
  const [remark, setRemark] = useState('');
  const [fault, setFault] = useState('');
  useEffect(() => {
    read('/desk/codes').then((told) => setCodes(told.codes), (problem) => setFault(problem.message));
  }, []);

  function end(event) {
    event.preventDefault();
    if (resolved === null) return setFault('请选择是否已解决');
    if (!code) return setFault('请选择办理结果');
    seat.do({ type: 'close', conversation: chat.conversation, resolved, code, remark: remark.trim() });
    return close();
  }

  return html`<${Dialog} title="结束会话" close=${close}>
    <form class="stack" onSubmit=${end}>
      <${Fault} text=${fault} />
      <fieldset class="picks picks--row"><legend class="field__label">市民的事解决了吗</legend>
        <label class="pick"><input type="radio" name="resolved" checked=${resolved === true} onChange=${() => setResolved(true)} /><span>已解决</span></label>
        <label class="pick"><input type="radio" name="resolved" checked=${resolved === false} onChange=${() => setResolved(false)} /><span>没解决</span></label></fieldset>
      <div class="field"><label for="closing-code">办理结果</label>
        <select class="input" id="closing-code" value=${code} onChange=${(e) => setCode(e.target.value)}><option value="">请选择</option>${codes.map((c) => html`<option key=${c.code} value=${c.code}>${c.label}</option>`)}</select></div>
      <div class="field"><label for="closing-remark">备注（可以不填）</label><textarea class="input" id="closing-remark" maxlength="500" value=${remark} onInput=${(e) => setRemark(e.target.value)}></textarea></div>
      <p class="hint">结束后会请市民评价这次服务。</p>
      <div class="row row--end"><button class="btn" type="button" onClick=${close}>先不结束</button><button class="btn btn--danger" type="submit">结束会话</button></div>
    </form><//>`;
}
