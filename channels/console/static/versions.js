/** 版本: built aside, judged by its gate, live at once, and back again. */
import { shown } from './clock.js';
import { Dialog, Fault, Field } from './dialog.js';
import { html, useEffect, useState } from './preact.js';
import { post, read } from './rest.js';

const STATUS = { building: ['正在生成', 'tag--brand'], failed: ['检查未过', 'tag--danger'], ready: ['可以发布', 'tag--brand'], live: ['线上', 'tag--human'], retired: ['用过', ''] };
const SOON = 1000;

export function Versions({ me }) {
  const [list, setList] = useState(null);
  const [tree, setTree] = useState(null);
  const [open, setOpen] = useState('');
  const [asking, setAsking] = useState(null);
  const [fault, setFault] = useState('');
  const [told, setTold] = useState('');
  const [busy, setBusy] = useState(false);

  async function load() {
    try {
      setList((await read('/knowledge/versions')).versions);
      setTree(await read('/knowledge/overview'));
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    load();
  }, []);
  useEffect(() => {
    if (!list?.some((v) => v.status === 'building')) return undefined;
    const later = setTimeout(load, SOON);
    return () => clearTimeout(later);
  }, [list]);

  async function act(work, words) {
    setBusy(true);
    setTold('');
    try {
      const done = await work();
      setFault('');
      setTold(typeof words === 'function' ? words(done) : words);
    } catch (problem) {
      setFault(problem.message);
    }
    setBusy(false);
    load();
  }
  const publish = (v, reason = '') => act(() => post(`/knowledge/versions/${v.id}/publish`, { reason }), (done) => (done.status === 'live' ? '已发布，所有渠道都用上了' : '已记下您的理由，还要另一位同事确认发布'));

  return html`<div class="row row--between"><h1 class="page-title">版本</h1><span class="row">${tree?.pending ? html`<span class="tag tag--brand">${tree.pending} 条已批准，待发布</span>` : null}<button class="btn btn--primary" type="button" disabled=${busy} onClick=${() => act(() => post('/knowledge/versions').then((v) => setOpen(v.id)), '正在生成新版本并检查')}>生成新版本</button></span></div>
    <${Fault} text=${fault} /><p role="status">${told}</p>
    ${(list ?? []).map((v) => html`<article class="card" key=${v.id} aria-label=${`版本 ${v.id}`}><div class="row row--between"><h2><span class="num">${v.id.slice(0, 8)}</span> <span class=${`tag ${STATUS[v.status][1]}`}>${STATUS[v.status][0]}</span></h2>
        <span class="row">${v.status === 'ready' ? html`<button class="btn btn--primary" type="button" disabled=${busy} onClick=${() => publish(v)}>发布</button>` : null}
        ${v.status === 'failed' ? html`<button class="btn btn--danger" type="button" disabled=${busy} onClick=${() => setAsking(v)}>仍要发布</button>` : null}
        ${v.status === 'retired' && v.live_at ? html`<button class="btn" type="button" disabled=${busy} onClick=${() => act(() => post(`/knowledge/versions/${v.id}/rollback`), '已回退，被撤下的改动回到待审核')}>回退到这一版</button>` : null}
        ${v.status === 'building' ? null : html`<button class="btn" type="button" aria-expanded=${open === v.id ? 'true' : 'false'} onClick=${() => setOpen(open === v.id ? '' : v.id)}>检查报告</button>`}</span></div>
      <p class="small muted">${v.by || '系统'} ${shown(v.made_at, Date.now())} 生成 · ${v.entries} 条${v.live_at ? ` · ${shown(v.live_at, Date.now())} 上线` : ''}${v.trained ? ' · 重新训练' : ''}</p>
      ${v.status === 'building' ? html`<label class="row">正在生成和检查 <progress max="1" value=${v.progress}></progress></label>` : null}
      ${v.override ? html`<p class="note">${v.override.by} 要求发布：${v.override.reason}。要另一位同事确认。</p>` : null}
      ${v.reasons.length ? html`<div class="note note--danger"><ul>${v.reasons.slice(0, 10).map((r) => html`<li key=${r}>${r}</li>`)}</ul></div>` : null}
      ${open === v.id && v.status !== 'building' ? html`<${Report} key=${v.status} id=${v.id} />` : null}</article>`)}
    ${asking ? html`<${Override} version=${asking} close=${() => setAsking(null)} go=${(reason) => { setAsking(null); publish(asking, reason); }} />` : null}`;
}

function Override({ version, close, go }) {
  const [reason, setReason] = useState('');
  return html`<${Dialog} title="仍要发布没有通过检查的版本" close=${close}><form class="stack" onSubmit=${(e) => { e.preventDefault(); if (reason.trim()) go(reason.trim()); }}>
    <p>${version.override ? '您是第二位确认的人，确认后立即上线。' : '要两位同事先后写明理由，第二位确认后才上线。'}理由记入审计。</p>
    <${Field} id="override" label="理由"><textarea class="input" id="override" maxlength="500" value=${reason} onInput=${(e) => setReason(e.target.value)}></textarea><//>
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>不发布</button><button class="btn btn--danger" type="submit">写明理由并确认</button></div></form><//>`;
}

const KINDS = { new: '新增', changed: '改动', removed: '删除' };

function Report({ id }) {
  const [told, setTold] = useState(null);
  useEffect(() => {
    read(`/knowledge/versions/${id}`).then((v) => setTold(v.report), () => setTold({}));
  }, []);
  if (!told) return html`<p class="muted">正在取报告</p>`;
  const { changes, near = [], regression, replay } = told;
  if (!changes) return html`<p class="muted">这一版没有检查报告</p>`;
  return html`<div class="stack"><p>${Object.entries(KINDS).map(([key, name]) => `${name} ${changes[key].length} 条`).join('，')}。必过问题 ${regression.asked} 个，没答对 ${regression.failed.length} 个。上周的问题重问 ${replay.asked} 个，答复变了 ${replay.changed} 个。</p>
    ${Object.entries(KINDS).map(([key, name]) => (changes[key].length ? html`<p class="small" key=${key}>${name}：${changes[key].slice(0, 30).map((entry) => html`<a key=${entry} class="inline" href=${`#entries?${encodeURIComponent(entry)}`}>${entry}</a> `)}</p>` : null))}
    ${near.length ? html`<details><summary>问法相近，请看一眼（${near.length}）</summary><ul>${near.slice(0, 50).map((n) => html`<li key=${n}>${n}</li>`)}</ul></details>` : null}
    ${regression.failed.length ? html`<ul>${regression.failed.map((r) => html`<li key=${r.text}>“${r.text}”应为 ${r.expected}，答成 ${r.got}${r.must_pass ? '（必过）' : ''}</li>`)}</ul>` : null}
    ${replay.rows.length ? html`<div class="scroll-x" tabindex="0" role="region" aria-label="答复变了的问题"><table class="table table--tight"><thead><tr><th>市民的问题</th><th>线上</th><th>这一版</th></tr></thead><tbody>${replay.rows.slice(0, 100).map((r) => html`<tr key=${r.text}><td>${r.text}</td><td>${r.before.text}</td><td>${r.after.text}</td></tr>`)}</tbody></table></div>` : null}</div>`;
}
