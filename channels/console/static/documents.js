/** 依据与到期: documents that answers rest on, what ends soon, and what answers quote. */
import { Fault, Field } from './dialog.js';
import { html, useEffect, useState } from './preact.js';
import { post, read } from './rest.js';

const STATUS = { in_force: '现行有效', amended: '已修改', repealed: '已废止' };
const KINDS = { entry: '条目', procedure: '办事指南', calculator: '计算器' };
const QUOTED = { phone: '电话', link: '网址', office: '机构' };

export function Documents() {
  const [documents, setDocuments] = useState(null);
  const [alerts, setAlerts] = useState([]);
  const [watch, setWatch] = useState({});
  const [name, setName] = useState('');
  const [status, setStatus] = useState('repealed');
  const [note, setNote] = useState('');
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');

  async function load() {
    try {
      setDocuments((await read('/knowledge/documents')).documents);
      setAlerts((await read('/knowledge/alerts')).alerts);
      setWatch(await read('/knowledge/watch'));
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    load();
  }, []);

  async function mark(event) {
    event.preventDefault();
    try {
      setTold(await post('/knowledge/documents/mark', { document: name.trim(), status, note: note.trim() }));
      setFault('');
      load();
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<h1 class="page-title">依据与到期</h1><${Fault} text=${fault} />
    <section class="card" aria-label="到期提醒"><h2>到期提醒</h2>${alerts.length ? html`<ul>${alerts.map((a) => html`<li class="row" key=${a.id}><span class=${`tag ${a.within > 7 ? 'tag--warn' : 'tag--danger'}`}>${a.within ? `${a.within} 天内到期` : '已失效'}</span><a href=${`#entries?${encodeURIComponent(a.id)}`}>${a.question}</a><span class="small muted num">${a.until}</span>${a.successor ? html`<span class="small">到时由 ${a.successor} 接替</span>` : html`<span class="small bad">没有接替的条目</span>`}</li>`)}</ul>` : html`<p class="muted">30 天内没有到期的条目</p>`}</section>
    <form class="card" aria-label="文件有变" onSubmit=${mark}><h2>文件有变</h2>
      <div class="three"><${Field} id="d-name" label="文件名或文号"><input class="input" id="d-name" list="d-known" value=${name} onInput=${(e) => setName(e.target.value)} /><datalist id="d-known">${(documents ?? []).map((d) => html`<option key=${d.name} value=${d.name} />`)}</datalist><//>
        <${Field} id="d-status" label="现在"><select class="input" id="d-status" value=${status} onChange=${(e) => setStatus(e.target.value)}>${Object.entries(STATUS).map(([value, label]) => html`<option key=${value} value=${value} selected=${value === status}>${label}</option>`)}</select><//>
        <${Field} id="d-note" label="说明"><input class="input" id="d-note" value=${note} onInput=${(e) => setNote(e.target.value)} /><//></div>
      <div><button class="btn btn--primary" type="submit">查出引用并送复核</button></div>
      ${told ? html`<div role="status"><p>《${told.document}》有 ${told.cited.length} 处引用，${told.sent.length} 条条目已送复核。</p><ul>${told.cited.map((c) => html`<li key=${`${c.kind}${c.id}`}>${KINDS[c.kind]}：${c.kind === 'entry' ? html`<a href=${`#entries?${encodeURIComponent(c.id)}`}>${c.title}</a>` : html`${c.title}（请人工核对）`} ${c.where}</li>`)}</ul></div>` : null}</form>
    <section class="card" aria-label="引用的文件"><h2>引用的文件</h2>${documents === null ? html`<p class="muted">正在取文件</p>` : html`<div class="scroll-x" tabindex="0" role="region" aria-label="文件"><table class="table table--tight"><thead><tr><th>文件</th><th>状态</th><th class="r">引用</th><th><span class="vh">操作</span></th></tr></thead><tbody>${documents.map((d) => html`<tr key=${d.name}><td>${d.name}</td><td>${STATUS[d.status]}</td><td class="r">${d.cited.length}</td><td class="r"><button class="btn btn--sm" type="button" onClick=${() => { setName(d.name); document.getElementById('d-name').focus(); }}>文件有变<span class="vh">${d.name}</span></button></td></tr>`)}</tbody></table></div>`}</section>
    ${Object.entries(QUOTED).map(([kind, label]) => html`<details class="card" key=${kind}><summary>答案里的${label}（${Object.keys(watch[kind] ?? {}).length}）</summary><ul>${Object.entries(watch[kind] ?? {}).map(([value, ids]) => html`<li key=${value}><b>${value}</b> <span class="small muted">${ids.length} 条：${ids.slice(0, 5).join('、')}${ids.length > 5 ? ' 等' : ''}</span></li>`)}</ul></details>`)}`;
}
