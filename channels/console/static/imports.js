/** 导入导出: a file is tried first and told row by row; then it becomes drafts for review. */
import { shown } from './clock.js';
import { Fault } from './dialog.js';
import { html, useEffect, useRef, useState } from './preact.js';
import { call, read } from './rest.js';

const STATUS = { new: ['新增', 'tag--human'], changed: ['改动', 'tag--brand'], same: ['相同', ''], error: ['有错', 'tag--danger'] };
const SOON = 700;
const API = '/api/v1/knowledge';

export function Imports() {
  const [file, setFile] = useState(null);
  const [job, setJob] = useState(null);
  const [over, setOver] = useState(false);
  const [fault, setFault] = useState('');
  const [lately, setLately] = useState([]);
  const picker = useRef(null);

  useEffect(() => {
    if (job?.status === 'running') return undefined;
    read('/knowledge/imports').then((told) => setLately(told.imports), () => {});
    return undefined;
  }, [job?.status]);
  useEffect(() => {
    if (job?.status !== 'running') return undefined;
    const later = setTimeout(() => read(`/knowledge/imports/${job.job}`).then(setJob, (problem) => setFault(problem.message)), SOON);
    return () => clearTimeout(later);
  }, [job]);

  async function send(chosen, dry) {
    setFile(chosen);
    setFault('');
    const form = new FormData();
    form.append('file', chosen);
    form.append('dry_run', dry ? 'true' : 'false');
    try {
      const told = await call('POST', '/knowledge/imports', form);
      setJob({ job: told.job, status: 'running', progress: 0, dry_run: dry, file: chosen.name, counts: {}, rows: [], reason: '' });
    } catch (problem) {
      setFault(problem.message);
    }
  }
  function dropped(event) {
    event.preventDefault();
    setOver(false);
    const [chosen] = event.dataTransfer.files;
    if (chosen) send(chosen, true);
  }

  return html`<div class="row row--between"><h1 class="page-title">导入导出</h1><span class="row"><a class="btn" href=${`${API}/template`} download>下载模板</a><a class="btn" href=${`${API}/export?format=xlsx`} download>导出 Excel</a><a class="btn" href=${`${API}/export?format=yaml`} download>导出 YAML</a></span></div>
    <section class=${over ? 'card drop drop--over' : 'card drop'} aria-label="选择文件" onDragOver=${(e) => { e.preventDefault(); setOver(true); }} onDragLeave=${() => setOver(false)} onDrop=${dropped}>
      <p>把文件拖到这里，或者</p><div><button class="btn btn--primary" type="button" onClick=${() => picker.current.click()}>选择文件</button></div>
      <input class="vh" ref=${picker} type="file" tabindex="-1" aria-label="选择文件" accept=".csv,.xlsx,.docx,.pdf,.yml,.yaml" onChange=${(e) => { if (e.target.files[0]) send(e.target.files[0], true); e.target.value = ''; }} />
      <p class="hint">csv、xlsx、yaml 按编号新增或更新；docx、pdf 政策文件按条款做成待审核的条目。先试导入，不改动任何内容。</p></section>
    <${Fault} text=${fault || (job?.status === 'failed' ? `${job.file}：${job.reason || '没有导入成功，请重试'}` : '')} />
    ${job && job.status !== 'failed' ? html`<${Report} job=${job} confirm=${() => send(file, false)} />` : null}
    ${lately.length ? html`<section class="card"><h2>最近的导入</h2><ul>${lately.map((r) => html`<li key=${r.job}><button class="btn btn--quiet btn--sm" type="button" onClick=${() => read(`/knowledge/imports/${r.job}`).then(setJob)}>${r.file}</button> <span class="small muted">${r.by} ${shown(r.at, Date.now())} ${r.dry_run ? '试导入' : '导入'} ${counted(r.counts)}</span></li>`)}</ul></section>` : null}`;
}

function counted(counts) {
  return Object.entries(STATUS).filter(([key]) => counts[key]).map(([key, [name]]) => `${name} ${counts[key]}`).join('，');
}

function Report({ job, confirm }) {
  const rows = [...job.rows].sort((a, b) => (b.status === 'error') - (a.status === 'error') || a.row - b.row).slice(0, 500);
  const good = (job.counts.new ?? 0) + (job.counts.changed ?? 0);
  return html`<section class="card" aria-label="导入结果"><div class="row row--between"><h2>${job.file} · ${job.dry_run ? '试导入' : '导入'}</h2>
      <span class="row">${job.status === 'done' && job.counts.error ? html`<a class="btn" href=${`${API}/imports/${job.job}/errors`} download>下载有错的行</a>` : null}
      ${job.status === 'done' && job.dry_run && good ? html`<button class="btn btn--primary" type="button" onClick=${confirm}>导入 ${good} 条并送审</button>` : null}</span></div>
    ${job.status === 'running' ? html`<label class="row">正在处理 <progress max="1" value=${job.progress}></progress></label>` : null}
    <p role="status">${job.status === 'done' ? `${job.dry_run ? '试导入完成' : '导入完成，已送审'}：${counted(job.counts) || '没有内容'}` : ''}</p>
    ${rows.length ? html`<div class="scroll-x" tabindex="0" role="region" aria-label="逐行结果"><table class="table table--tight"><thead><tr><th>行</th><th>结果</th><th>编号</th><th>说明</th></tr></thead>
      <tbody>${rows.map((r) => html`<tr key=${r.row}><td class="num">${r.row}</td><td><span class=${`tag ${STATUS[r.status][1]}`}>${STATUS[r.status][0]}</span></td><td>${r.entry}</td><td>${r.message}</td></tr>`)}</tbody></table></div>` : null}
    ${job.rows.length > rows.length ? html`<p class="hint">只列出前 ${rows.length} 行，有错的行请下载查看。</p>` : null}</section>`;
}
