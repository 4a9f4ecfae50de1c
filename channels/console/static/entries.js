/** 条目: the tree of topics, search over every field, and the editor of one entry. */
import { shown } from './clock.js';
import { Dialog, Fault, Field } from './dialog.js';
import { Editor } from './entry.js';
import { html, useEffect, useState } from './preact.js';
import { post, query, read } from './rest.js';
import { STATES, StateTag } from './states.js';

const NEW = { topic: '', question: '', variants: [], answer: { text: '' }, basis: [], jurisdiction: '杭州', checked: '' };

export function Entries({ me }) {
  const [tree, setTree] = useState(null);
  const [topic, setTopic] = useState('');
  const [state, setState] = useState('');
  const [words, setWords] = useState('');
  const [asked, setAsked] = useState('');
  const [list, setList] = useState(null);
  const [next, setNext] = useState(null);
  const [open, setOpen] = useState(() => named(location.hash));
  const [picked, setPicked] = useState({});
  const [bulk, setBulk] = useState(false);
  const [fault, setFault] = useState('');

  useEffect(() => {
    read('/knowledge/overview').then(setTree, (problem) => setFault(problem.message));
  }, [open]);
  useEffect(() => {
    const moved = () => setOpen(named(location.hash));
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  useEffect(() => {
    const later = setTimeout(() => setAsked(words.trim()), 250);
    return () => clearTimeout(later);
  }, [words]);
  useEffect(() => {
    if (!open) load();
  }, [topic, state, asked, open]);

  async function load(after = null) {
    try {
      const told = await read(`/knowledge/entries${query({ topic, state, q: asked, after })}`);
      setList((old) => (after ? [...old, ...told.entries] : told.entries));
      setNext(told.next);
      setPicked((old) => (after ? old : {}));
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }

  const topics = (tree?.groups ?? []).flatMap((g) => g.topics.filter((t) => !t.topic.startsWith('out_of_scope')).map((t) => ({ ...t, group: g.name })));
  const label = (name) => topics.find((t) => t.topic === name)?.label ?? name;
  if (open) return html`<${Editor} key=${open} name=${open} blank=${NEW} topics=${topics} me=${me} close=${() => { location.hash = '#entries'; }} />`;
  const chosen = Object.keys(picked);
  return html`<div class="row row--between"><h1 class="page-title">条目</h1><span class="row">${tree?.pending ? html`<span class="tag tag--brand">${tree.pending} 条已批准，待发布</span>` : null}
      <a class="btn btn--primary" href="#entries?new">新建条目</a></span></div>
    <${Fault} text=${fault} />
    <div class="kn"><nav class="card kn__tree" aria-label="主题"><ul class="tree">
        <li><button type="button" aria-current=${topic ? null : 'true'} onClick=${() => setTopic('')}>全部主题</button></li>
        ${(tree?.groups ?? []).filter((g) => g.key !== 'out_of_scope').map((g) => html`<${Branch} key=${g.key} group=${g} topic=${topic} pick=${setTopic} />`)}</ul></nav>
      <section class="card kn__list" aria-label="条目列表">
        <div class="row"><label class="vh" for="kn-words">搜索条目</label><input class="input grow" id="kn-words" type="search" placeholder="搜标准问、相似问、答案、依据" value=${words} onInput=${(e) => setWords(e.target.value)} />
          <label class="vh" for="kn-state">状态</label><select class="input auto" id="kn-state" value=${state} onChange=${(e) => setState(e.target.value)}><option value="">全部状态</option>${Object.entries(STATES).map(([value, name]) => html`<option key=${value} value=${value}>${name}</option>`)}</select></div>
        ${chosen.length ? html`<div class="row"><span>选了 ${chosen.length} 条</span><button class="btn btn--sm" type="button" onClick=${() => setBulk(true)}>批量修改</button></div>` : null}
        ${list === null ? html`<p class="muted" role="status">正在取条目</p>` : list.length ? null : html`<p class="muted" role="status">没有找到条目</p>`}
        <ul>${(list ?? []).map((one) => html`<li class="kn__row" key=${one.id}><input type="checkbox" aria-label=${`选中 ${one.question}`} checked=${one.id in picked} onChange=${() => setPicked((old) => flipped(old, one))} />
          <a class="entry" href=${`#entries?${encodeURIComponent(one.id)}`}><b>${one.question}</b><span class="meta"><${StateTag} entry=${one} /><span>${label(one.topic)}</span><span class="end num">${one.author.startsWith('(') ? '' : `${one.author} `}${shown(one.changed_at, Date.now())}</span></span></a></li>`)}</ul>
        ${next ? html`<div><button class="btn" type="button" onClick=${() => load(next)}>再看一些</button></div>` : null}
      </section></div>
    ${bulk ? html`<${Bulk} picked=${picked} close=${() => setBulk(false)} done=${() => { setBulk(false); load(); }} />` : null}`;
}

function named(hash) {
  const [page, name] = hash.slice(1).split('?');
  return page === 'entries' && name ? decodeURIComponent(name) : '';
}

function flipped(old, one) {
  const { [one.id]: was, ...rest } = old;
  return was === undefined ? { ...old, [one.id]: one.revision } : rest;
}

function Branch({ group, topic, pick }) {
  const within = topic === group.key || topic.startsWith(`${group.key}.`);
  const total = group.topics.reduce((n, t) => n + t.entries, 0);
  return html`<li><button type="button" aria-expanded=${within ? 'true' : 'false'} aria-current=${topic === group.key ? 'true' : null} onClick=${() => pick(group.key)}>${group.name}<span class="n">${total}</span></button>
    ${within ? html`<ul>${group.topics.filter((t) => t.topic !== group.key).map((t) => html`<li key=${t.topic}><button type="button" aria-current=${topic === t.topic ? 'true' : null} onClick=${() => pick(t.topic)}>${t.label}<span class="n">${t.entries}</span></button></li>`)}</ul>` : null}</li>`;
}

const BULK = { checked: ['核对日期', '2026-01-31'], until: ['失效时间', '2026-12-31 或 2027-01-01 00:00'], topic: ['主题', 'pension.min_years'] };

function Bulk({ picked, close, done }) {
  const [field, setField] = useState('checked');
  const [value, setValue] = useState('');
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');
  async function go(event) {
    event.preventDefault();
    const set = field === 'until' ? { valid: { until: value.trim() || null } } : { [field]: value.trim() };
    try {
      const { entries } = await post('/knowledge/bulk', { entries: picked, set });
      const wrong = entries.filter((e) => e.status === 'error');
      if (wrong.length) setTold(wrong);
      else done();
    } catch (problem) {
      setFault(problem.message);
    }
  }
  return html`<${Dialog} title="批量修改" close=${told ? done : close}><form class="stack" onSubmit=${go}><${Fault} text=${fault} />
    ${told ? html`<ul class="stack">${told.map((e) => html`<li key=${e.id}><b>${e.id}</b>：${e.message}</li>`)}</ul>` : html`
    <${Field} id="bulk-field" label="改哪一项"><select class="input" id="bulk-field" value=${field} onChange=${(e) => setField(e.target.value)}>${Object.entries(BULK).map(([name, [text]]) => html`<option key=${name} value=${name}>${text}</option>`)}</select><//>
    <${Field} id="bulk-value" label="改成" hint=${`如 ${BULK[field][1]}`}><input class="input" id="bulk-value" value=${value} onInput=${(e) => setValue(e.target.value)} /><//>
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>取消</button><button class="btn btn--primary" type="submit">改成草稿</button></div>`}</form><//>`;
}
