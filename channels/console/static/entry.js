/** One entry before its editor: every field, a live preview for each channel, history, and what somebody else wrote meanwhile. */
import { shown } from './clock.js';
import { Dialog, Fault, Field } from './dialog.js';
import { Diff } from './diff.js';
import { html, useEffect, useState } from './preact.js';
import { call, post, read } from './rest.js';
import { StateTag } from './states.js';

const GROUPS = ['职工', '灵活就业', '城乡居民', '退休人员', '失业人员', '单位', '学生', '新就业形态', '机关事业', '军人', '外国人', '港澳台'];
const FORMS = [['text', '答案', 6], ['short', '微信短答', 3], ['spoken', '电话里念的', 3], ['plain', '通俗说法', 3]];
const HOW = { edit: '修改', import: '导入', release: '随新版本', remove: '删除', recheck: '送复核' };
const lines = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);
const moment = (text) => String(text ?? '').replace('T', ' ').slice(0, 16);

export function Editor({ name, blank, topics, me, close }) {
  const fresh = name === 'new';
  const [entry, setEntry] = useState(fresh ? { ...blank, checked: new Date().toISOString().slice(0, 10) } : null);
  const [seen, setSeen] = useState(null);
  const [preview, setPreview] = useState(null);
  const [faults, setFaults] = useState([]);
  const [fault, setFault] = useState('');
  const [told, setTold] = useState('');
  const [clash, setClash] = useState(null);
  const [history, setHistory] = useState(false);
  const [dirty, setDirty] = useState(false);

  useEffect(() => {
    if (!fresh) read(`/knowledge/entries/${encodeURIComponent(name)}`).then(take, (problem) => setFault(problem.message));
  }, []);
  useEffect(() => {
    if (!entry) return undefined;
    const later = setTimeout(() => post('/knowledge/preview', body(entry)).then(setPreview, () => {}), 400);
    return () => clearTimeout(later);
  }, [entry]);

  function take(draft) {
    setSeen(draft);
    setEntry(draft);
    setDirty(false);
  }
  function put(fields) {
    setEntry((old) => ({ ...old, ...fields }));
    setDirty(true);
    setFaults([]);
    setTold('');
  }
  async function save(submit, revision = seen?.revision) {
    try {
      const sent = { ...body(entry), submit };
      const draft = fresh && !seen ? await post('/knowledge/entries', sent) : await call('PUT', `/knowledge/entries/${encodeURIComponent(seen.id)}`, sent, { 'If-Match': `"${revision}"` });
      take(draft);
      setFaults([]);
      setFault('');
      setClash(null);
      setTold(submit ? '已送审' : '已存为草稿');
      if (fresh && !seen) stay(`#entries?${encodeURIComponent(draft.id)}`);
    } catch (problem) {
      if (problem.code === 'changed_meanwhile') setClash(problem.told);
      setFaults(problem.told?.faults ?? []);
      setFault(problem.message);
    }
  }
  async function drop() {
    try {
      take(await call('DELETE', `/knowledge/entries/${encodeURIComponent(seen.id)}`, undefined, { 'If-Match': `"${seen.revision}"` }));
      setTold('删除已送审；批准并发布以前，线上照常答复');
    } catch (problem) {
      setFault(problem.message);
    }
  }

  if (!entry) return html`<${Fault} text=${fault} /><p class="muted">${fault ? '' : '正在取条目'}</p>`;
  const why = (field) => faults.find((f) => f.field === field || f.field.startsWith(`${field}.`))?.reason;
  return html`<div class="row row--between"><button class="btn btn--quiet" type="button" onClick=${close}>‹ 条目列表</button>
      <span class="row">${seen ? html`<${StateTag} entry=${seen} /><span class="small muted">第 <span class="num">${seen.revision}</span> 稿 ${seen.author.startsWith('(') ? '' : seen.author} ${shown(seen.changed_at, Date.now())}</span>
        <button class="btn" type="button" onClick=${() => setHistory(true)}>历史</button><a class="btn" href=${`#try?${encodeURIComponent(entry.question)}`}>命中测试</a>${seen.removed ? null : html`<button class="btn btn--danger" type="button" onClick=${drop}>删除</button>`}` : null}
        <button class="btn" type="button" disabled=${!dirty && !fresh} onClick=${() => save(false)}>存草稿</button><button class="btn btn--primary" type="button" onClick=${() => save(true)}>送审</button></span></div>
    <h1 class="page-title">${fresh && !seen ? '新建条目' : entry.question || '条目'}</h1>
    <${Fault} text=${fault} /><p role="status" class="small">${told}</p>
    ${seen?.note ? html`<p class="note">${seen.note}</p>` : null}
    ${seen?.pointer ? html`<p class="note note--info">摘自《${seen.pointer.file}》第 ${seen.pointer.paragraph} 段${seen.pointer.page ? `（第 ${seen.pointer.page} 页）` : ''}：${seen.pointer.text}</p>` : null}
    ${clash ? html`<section class="card" role="alert" aria-label="别人刚改过"><h2>${clash.current.author} 刚刚改过这一条</h2><${Diff} changes=${clash.changes} before=${`${clash.current.author} 的第 ${clash.current.revision} 稿`} after="您写的" />
      <div class="row"><button class="btn" type="button" onClick=${() => { take(clash.current); setClash(null); setFault(''); }}>用对方的，放弃我写的</button><button class="btn" type="button" onClick=${() => { setSeen(clash.current); save(false, clash.current.revision); }}>用我写的，盖过对方</button></div></section>` : null}
    <div class="edit"><form class="card edit__form" onSubmit=${(e) => e.preventDefault()}>
      <div class="two"><${Field} id="e-topic" label="主题" fault=${why('topic')}><select class="input" id="e-topic" value=${entry.topic} onChange=${(e) => put({ topic: e.target.value })}><option value="">请选择</option>${topics.map((t) => html`<option key=${t.topic} value=${t.topic} selected=${t.topic === entry.topic}>${t.group} · ${t.label}</option>`)}</select><//>
        <${Field} id="e-id" label="编号" fault=${why('id')}><input class="input num" id="e-id" value=${entry.id ?? ''} disabled=${Boolean(seen)} placeholder="不填就自动编" onInput=${(e) => put({ id: e.target.value || undefined })} /><//></div>
      <${Field} id="e-question" label="标准问题" fault=${why('question')}><input class="input" id="e-question" value=${entry.question} onInput=${(e) => put({ question: e.target.value })} /><//>
      <${Field} id="e-variants" label=${`相似问法（${(entry.variants ?? []).length}）`} hint="一行一条，市民会怎么问就怎么写" fault=${why('variants')}><${Lines} id="e-variants" rows="6" value=${entry.variants} put=${(v) => put({ variants: v })} /><//>
      <${Field} id="e-negative" label="反例" hint="一行一条，这些话不该答这一条" fault=${why('negative_variants')}><${Lines} id="e-negative" rows="2" value=${entry.negative_variants} put=${(v) => put({ negative_variants: v })} /><//>
      ${FORMS.map(([form, label, rows]) => html`<${Field} key=${form} id=${`e-${form}`} label=${label} fault=${why(`answer.${form}`) ?? (form === 'text' ? why('answer') : undefined)}><textarea class="input" id=${`e-${form}`} rows=${rows} value=${entry.answer?.[form] ?? ''} onInput=${(e) => put({ answer: { ...entry.answer, [form]: e.target.value } })}></textarea><//>`)}
      <div class="three"><${Field} id="e-from" label="生效" fault=${why('valid.from')}><input class="input num" id="e-from" placeholder="2027-01-01 00:00" value=${moment(entry.valid?.from)} onInput=${(e) => put({ valid: { ...entry.valid, from: e.target.value } })} /><//>
        <${Field} id="e-until" label="失效" fault=${why('valid.until') ?? why('valid')}><input class="input num" id="e-until" placeholder="长期有效" value=${moment(entry.valid?.until)} onInput=${(e) => put({ valid: { ...entry.valid, until: e.target.value } })} /><//>
        <${Field} id="e-checked" label="核对日期" fault=${why('checked')}><input class="input num" id="e-checked" type="date" value=${entry.checked} onInput=${(e) => put({ checked: e.target.value })} /><//></div>
      <div class="three"><${Field} id="e-jurisdiction" label="适用范围" fault=${why('jurisdiction')}><select class="input" id="e-jurisdiction" value=${entry.jurisdiction} onChange=${(e) => put({ jurisdiction: e.target.value })}>${['全国', '浙江', '杭州'].map((j) => html`<option key=${j} selected=${j === entry.jurisdiction}>${j}</option>`)}</select><//>
        <${Field} id="e-group" label="适用人群" fault=${why('conditions.group')}><select class="input" id="e-group" onChange=${(e) => put({ conditions: { ...entry.conditions, group: e.target.value } })}><option value="">所有人</option>${GROUPS.map((g) => html`<option key=${g} value=${g} selected=${g === entry.conditions?.group}>${g}</option>`)}</select><//>
        <${Field} id="e-city" label="适用城市"><input class="input" id="e-city" value=${entry.conditions?.city ?? ''} onInput=${(e) => put({ conditions: { ...entry.conditions, city: e.target.value } })} /><//></div>
      <label class="pick"><input type="checkbox" checked=${entry.high_stake ?? false} onChange=${(e) => put({ high_stake: e.target.checked })} /><span>事关重大，答复里提醒市民再核实</span></label>
      <${Bases} rows=${entry.basis ?? []} fault=${why('basis')} put=${(basis) => put({ basis })} />
    </form>
    <aside class="edit__side" aria-label="预览与检查"><${Preview} preview=${preview} /></aside></div>
    ${history ? html`<${History} name=${seen.id} close=${() => setHistory(false)} restore=${(content) => { put({ ...content }); setHistory(false); setTold('已放进编辑框，存草稿后生效'); }} />` : null}`;
}

function stay(to) {
  history.replaceState(null, '', to);
}

/** Lines keep what is typed while it is typed; the entry gets them without blanks. */
function Lines({ id, rows, value, put }) {
  const [text, setText] = useState((value ?? []).join('\n'));
  useEffect(() => {
    if (lines(text).join('\n') !== (value ?? []).join('\n')) setText((value ?? []).join('\n'));
  }, [value]);
  return html`<textarea class="input" id=${id} rows=${rows} value=${text} onInput=${(e) => { setText(e.target.value); put(lines(e.target.value)); }}></textarea>`;
}

const BASIS = [['document', '文件'], ['article', '条款'], ['effective', '施行日期'], ['url', '网址']];
const MARKED = [['covers', '涉及什么'], ['confirm_with', '核实电话']];

function Bases({ rows, fault, put }) {
  const [known, setKnown] = useState([]);
  useEffect(() => {
    read('/knowledge/documents').then((told) => setKnown(told.documents.map((d) => d.name)), () => {});
  }, []);
  const set = (n, fields) => put(rows.map((row, i) => (i === n ? clean({ ...row, ...fields }) : row)));
  return html`<fieldset class="stack"><legend class="field__label">依据</legend>${fault ? html`<p class="error">${fault}</p>` : null}
    <datalist id="known-documents">${known.map((name) => html`<option key=${name} value=${name} />`)}</datalist>
    ${rows.map((row, n) => html`<div class="basis-row" key=${n}><label class="small">来源 <select class="input auto" value=${row.mark ?? ''} onChange=${(e) => set(n, { mark: e.target.value })}><option value="" selected=${!row.mark}>正式文件</option><option value="常识" selected=${row.mark === '常识'}>常识（未核到文件）</option><option value="二手" selected=${row.mark === '二手'}>二手（未核到原文）</option></select></label>
      ${(row.mark ? [...MARKED, ...BASIS] : BASIS).map(([key, label]) => html`<label class="small" key=${key}>${label}<input class="input" list=${key === 'document' ? 'known-documents' : null} value=${row[key] ?? ''} placeholder=${key === 'effective' ? '2011-07-01' : ''} onInput=${(e) => set(n, { [key]: e.target.value })} /></label>`)}
      <button class="btn btn--sm" type="button" onClick=${() => put(rows.filter((_, i) => i !== n))}>去掉<span class="vh">第 ${n + 1} 条依据</span></button></div>`)}
    <div><button class="btn btn--sm" type="button" onClick=${() => put([...rows, {}])}>加一条依据</button></div></fieldset>`;
}

function clean(row) {
  return Object.fromEntries(Object.entries(row).filter(([, v]) => v !== ''));
}

/** What is sent: an entry as in the files. */
export function body(entry) {
  const parts = (part) => (part ? clean(part) : undefined);
  const { id, topic, question, variants, negative_variants, jurisdiction, checked, high_stake, related } = entry;
  const told = { id, topic, question, variants, negative_variants, jurisdiction, checked, related };
  Object.assign(told, { answer: parts(entry.answer), conditions: parts(entry.conditions), valid: parts(entry.valid), basis: (entry.basis ?? []).map(clean) });
  if (high_stake) told.high_stake = true;
  return Object.fromEntries(Object.entries(told).filter(([, v]) => v !== undefined && v !== '' && !(Array.isArray(v) && !v.length)).concat([['variants', variants ?? []]]));
}

const CHANNELS = [['web', '网页'], ['wechat', '微信'], ['voice', '电话']];

function Preview({ preview }) {
  if (!preview) return html`<p class="muted">正在准备预览</p>`;
  if (preview.faults.length) return html`<div class="note"><ul>${preview.faults.map((f) => html`<li key=${f.field}>${f.label}：${f.reason}</li>`)}</ul></div>`;
  return html`${preview.notes.map((n) => html`<p class="note" key=${n}>${n}</p>`)}
    ${CHANNELS.map(([key, name]) => html`<article class="preview" key=${key}><h2>${name}<span class="end num">${key === 'voice' ? `约 ${Math.ceil(preview.said[key].length / 4.5)} 秒` : `${preview.said[key].length} 字`}</span></h2><div><p class="said">${preview.said[key].replaceAll('**', '')}</p>${key === 'web' ? preview.sources.map((s, n) => html`<p class="tiny" key=${n}>${s.title} ${s.article} ${s.effective}</p>`) : null}</div></article>`)}`;
}

function History({ name, close, restore }) {
  const [rows, setRows] = useState(null);
  const [fault, setFault] = useState('');
  useEffect(() => {
    read(`/knowledge/entries/${encodeURIComponent(name)}/history`).then((told) => setRows(told.revisions), (problem) => setFault(problem.message));
  }, []);
  return html`<${Dialog} title="历史" close=${close} wide=${true}><div class="stack"><${Fault} text=${fault} />${(rows ?? []).map((r) => html`<article class="stack" key=${r.revision}>
    <div class="row row--between"><h3>第 ${r.revision} 稿 · ${HOW[r.how] ?? r.how} · ${r.author.startsWith('(') ? '系统' : r.author} <span class="muted small">${shown(r.at, Date.now())}</span></h3><button class="btn btn--sm" type="button" onClick=${() => restore(r.content)}>恢复这一稿<span class="vh">${r.revision}</span></button></div>
    ${r.note ? html`<p class="small">${r.note}</p>` : null}
    ${r.review ? html`<p class="small">${r.review.reviewer} ${r.review.decision === 'approved' ? '批准' : '退回'}${r.review.reason ? `：${r.review.reason}` : ''}</p>` : null}
    ${r.revision > 1 ? html`<${Diff} changes=${r.changes} before="上一稿" after="这一稿" />` : null}</article>`)}</div><//>`;
}
