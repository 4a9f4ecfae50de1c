/** Tickets: messages left and ratings to put right; and the canned replies beside them. */
import { shown } from './clock.js';
import { loadReplies } from './composer.js';
import { Dialog, Fault, Field } from './dialog.js';
import { html, useEffect, useState } from './preact.js';
import { newId } from './line.js';
import { post, put, query, read, remove } from './rest.js';

const KINDS = { message: '留言', rectification: '差评整改' };

export function TicketsPage({ me, seat }) {
  const [view, setView] = useState('open');
  return html`<nav class="tabs tabs--page" aria-label="工单">${[['open', '待办工单'], ['closed', '已办结'], ['replies', '常用语']].map(([name, label]) => html`<button key=${name} type="button" aria-current=${view === name ? 'page' : null} onClick=${() => setView(name)}>${label}</button>`)}</nav>
    <main class="sheet" aria-label="工单"><div class="sheet__in">${view === 'replies' ? html`<${Replies} me=${me} />` : html`<${Tickets} key=${view} status=${view} me=${me} seat=${seat} />`}</div></main>`;
}

function Tickets({ status, me }) {
  const [kind, setKind] = useState('');
  const [list, setList] = useState(null);
  const [next, setNext] = useState(null);
  const [fault, setFault] = useState('');
  const [open, setOpen] = useState(null);

  async function load(after = null) {
    try {
      const told = await read(`/desk/tickets${query({ status, kind, after })}`);
      setList((old) => (after ? [...(old ?? []), ...told.tickets] : told.tickets));
      setNext(told.next ?? null);
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    load();
  }, [kind]);

  return html`<h1 class="page-title">${status === 'open' ? '待办工单' : '已办结的工单'}</h1>
    <div class="row" role="group" aria-label="种类">${[['', '全部'], ...Object.entries(KINDS)].map(([value, label]) => html`<button key=${value} class="chip" type="button" aria-pressed=${kind === value ? 'true' : 'false'} onClick=${() => setKind(value)}>${label}</button>`)}</div>
    <${Fault} text=${fault} />
    ${list === null && !fault ? html`<p class="muted">正在取工单</p>` : null}
    ${list && !list.length ? html`<p class="muted">没有工单</p>` : null}
    ${(list ?? []).map((ticket) => html`<${Ticket} key=${ticket.id} ticket=${ticket} me=${me} open=${() => setOpen(ticket)} changed=${() => load()} />`)}
    ${next ? html`<div><button class="btn" type="button" onClick=${() => load(next)}>再看一些</button></div>` : null}
    ${open ? html`<${CloseTicket} ticket=${open} close=${() => setOpen(null)} done=${() => { setOpen(null); load(); }} />` : null}`;
}

function Ticket({ ticket, me, open, changed }) {
  const [fault, setFault] = useState('');
  const [phone, setPhone] = useState('');
  const [asking, setAsking] = useState('');
  const [words, setWords] = useState('');
  const [answer, setAnswer] = useState(newId);
  const [told, setTold] = useState('');
  const isOpen = !ticket.closed_at;
  const own = ticket.owner === me.username;

  async function act(path, body, then) {
    try {
      const done = await post(`/desk/tickets/${ticket.id}/${path}`, body);
      setFault('');
      setAsking('');
      setWords('');
      then(done);
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<article class="card" aria-label=${`${KINDS[ticket.kind] ?? '工单'} ${ticket.id}`}>
    <div class="row row--between"><h2>${KINDS[ticket.kind] ?? ticket.kind} · ${ticket.topic || '咨询'}</h2>
      <span class="row">${ticket.stars ? html`<span class="tag tag--warn">${ticket.stars} 星</span>` : null}${ticket.overdue ? html`<span class="tag tag--danger">已超期</span>` : null}<span class="small muted num">${ticket.due ? `${isOpen ? '应于' : '期限'} ${ticket.due}${ticket.provisional ? '（节假日未核定）' : ''}` : ''}</span></span></div>
    <p class="said">${ticket.text}</p>
    <p class="small muted">编号 <span class="num">${ticket.id}</span> · ${shown(ticket.made_at, Date.now())} · ${ticket.owner ? `经办 ${ticket.owner}` : '还没有人接'}${ticket.remark ? ` · ${ticket.remark}` : ''}</p>
    <${Fault} text=${fault} />
    <p role="status" class="small">${phone ? html`电话 <b class="num">${phone}</b>，查看已记入审计` : told}</p>
    ${asking ? html`<form class="stack" onSubmit=${(e) => {
      e.preventDefault();
      if (!words.trim()) setFault(asking === 'phone' ? '请写明为什么要看电话' : '请写答复');
      else if (asking === 'phone') act('phone', { reason: words.trim() }, (done) => setPhone(done.phone));
      else act('answer', { id: answer, text: words.trim() }, () => { setAnswer(newId()); setTold('已在市民的对话里答复'); });
    }}>
      <${Field} id=${`t-${ticket.id}`} label=${asking === 'phone' ? '为什么要看电话' : '答复市民'} hint=${asking === 'phone' ? '原因会记入审计' : '会出现在市民原来的对话里'}>
        <textarea class="input" id=${`t-${ticket.id}`} maxlength="500" value=${words} onInput=${(e) => setWords(e.target.value)}></textarea><//>
      <div class="row"><button class="btn btn--primary" type="submit">${asking === 'phone' ? '查看电话' : '发出答复'}</button><button class="btn" type="button" onClick=${() => setAsking('')}>取消</button></div></form>` : null}
    ${isOpen && !asking ? html`<div class="row">
      ${ticket.owner ? null : html`<button class="btn btn--primary" type="button" onClick=${() => act('take', {}, changed)}>我来办</button>`}
      ${own ? html`<button class="btn" type="button" onClick=${() => setAsking('answer')}>答复</button>` : null}
      ${own && ticket.has_phone ? html`<button class="btn" type="button" onClick=${() => setAsking('phone')}>看电话</button>` : null}
      ${own ? html`<button class="btn" type="button" onClick=${open}>办结</button>` : null}</div>` : null}
  </article>`;
}

function CloseTicket({ ticket, close, done }) {
  const [results, setResults] = useState([]);
  const [result, setResult] = useState('');
  const [remark, setRemark] = useState('');
  const [fault, setFault] = useState('');
  useEffect(() => {
    read('/desk/codes').then((told) => setResults(told.results), (problem) => setFault(problem.message));
  }, []);

  async function end(event) {
    event.preventDefault();
    if (!result) return setFault(ticket.kind === 'rectification' ? '请选择回访结果' : '请选择办理结果');
    try {
      await post(`/desk/tickets/${ticket.id}/close`, { result, remark: remark.trim() });
      return done();
    } catch (problem) {
      return setFault(problem.message);
    }
  }

  return html`<${Dialog} title="办结工单" close=${close}><form class="stack" onSubmit=${end}>
    <${Fault} text=${fault} />
    <${Field} id="ticket-result" label=${ticket.kind === 'rectification' ? '回访结果' : '办理结果'}><select class="input" id="ticket-result" value=${result} onChange=${(e) => setResult(e.target.value)}><option value="">请选择</option>${results.map((r) => html`<option key=${r.result} value=${r.result}>${r.label}</option>`)}</select><//>
    <${Field} id="ticket-remark" label="备注"><textarea class="input" id="ticket-remark" maxlength="500" value=${remark} onInput=${(e) => setRemark(e.target.value)}></textarea><//>
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>先不办结</button><button class="btn btn--primary" type="submit">办结</button></div>
  </form><//>`;
}

function Replies({ me }) {
  const [list, setList] = useState(null);
  const [edited, setEdited] = useState(null);
  const [fault, setFault] = useState('');
  const mayShare = me.rights.includes('supervise');

  async function load() {
    try {
      setList(await loadReplies(true));
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    load();
  }, []);

  async function drop(reply) {
    try {
      await remove(`/desk/replies/${reply.id}`);
      await load();
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<div class="row row--between"><h1 class="page-title">常用语</h1><button class="btn btn--primary" type="button" onClick=${() => setEdited({ title: '', text: '', shared: false })}>新建常用语</button></div>
    <p class="hint">${'可以写 {{姓名}}、{{工号}}、{{城市}}、{{日期}}，发送前自动填好；别的 {{名字}} 由坐席自己填。'}</p>
    <${Fault} text=${fault} />
    ${list && !list.length ? html`<p class="muted">还没有常用语</p>` : null}
    ${(list ?? []).map((reply) => html`<article class="card" key=${reply.id} aria-label=${reply.title}><div class="row row--between"><h2>${reply.title}</h2>${reply.shared ? html`<span class="tag tag--brand">共用</span>` : html`<span class="tag">自己的</span>`}</div><p class="said">${reply.text}</p>
      ${!reply.shared || mayShare ? html`<div class="row"><button class="btn btn--sm" type="button" onClick=${() => setEdited(reply)}>修改<span class="vh">${reply.title}</span></button><button class="btn btn--sm" type="button" onClick=${() => drop(reply)}>删除<span class="vh">${reply.title}</span></button></div>` : null}</article>`)}
    ${edited ? html`<${EditReply} reply=${edited} mayShare=${mayShare} close=${() => setEdited(null)} done=${() => { setEdited(null); load(); }} />` : null}`;
}

function EditReply({ reply, mayShare, close, done }) {
  const [title, setTitle] = useState(reply.title);
  const [text, setText] = useState(reply.text);
  const [shared, setShared] = useState(reply.shared);
  const [fault, setFault] = useState('');

  async function keep(event) {
    event.preventDefault();
    if (!title.trim() || !text.trim()) return setFault('请写名称和内容');
    const told = { title: title.trim(), text: text.trim(), shared };
    try {
      await (reply.id ? put(`/desk/replies/${reply.id}`, told) : post('/desk/replies', told));
      return done();
    } catch (problem) {
      return setFault(problem.message);
    }
  }

  return html`<${Dialog} title=${reply.id ? '修改常用语' : '新建常用语'} close=${close}><form class="stack" onSubmit=${keep}>
    <${Fault} text=${fault} />
    <${Field} id="reply-title" label="名称"><input class="input" id="reply-title" maxlength="40" value=${title} onInput=${(e) => setTitle(e.target.value)} /><//>
    <${Field} id="reply-text" label="内容"><textarea class="input" id="reply-text" maxlength="500" value=${text} onInput=${(e) => setText(e.target.value)}></textarea><//>
    ${mayShare ? html`<label class="pick"><input type="checkbox" checked=${shared} onChange=${(e) => setShared(e.target.checked)} /><span>所有坐席共用</span></label>` : null}
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>取消</button><button class="btn btn--primary" type="submit">保存</button></div>
  </form><//>`;
}

