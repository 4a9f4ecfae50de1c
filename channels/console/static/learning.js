/** 学习: what was not answered well, what citizens found unhelpful, proposals, and who got an answer. */
import { Table } from './board.js';
import { Dialog, Fault, Field } from './dialog.js';
import { body as draftBody } from './entry.js';
import { channelName } from './icons.js';
import { day, fromLocal, plain, shownAt } from './moments.js';
import { loadPlace, topicName } from './place.js';
import { html, useEffect, useState } from './preact.js';
import { call, post, query, read } from './rest.js';
import { Tabs } from './tabs.js';

const WHY = { unanswered: '没答上', unhelpful: '点了没用', none: '选了都不是' };
const HOWS = { entry: '新建条目', variant: '加为相似问法', synonym: '加为同义词', out_of_scope: '不归我们管', dismissed: '不用处理' };
const HINTS = { entry: '问题记下后，请到“知识”里写答复，再送审。', variant: '加进这一条的草稿，送审、发布后才生效。', synonym: '写成 口语=规范词，由审核员审定。', out_of_scope: '这类问题以后直接告诉市民找谁，由审核员审定。', dismissed: '这些问题不再列出。' };
const RESULTS = { changed: '已改知识', right_as_is: '答复没错，不用改', not_ours: '不归我们管' };

const PARTS = [
  { name: 'unanswered', label: '没答好的问题', right: 'edit', draw: Unanswered },
  { name: 'feedback', label: '反馈箱', right: 'edit', draw: Feedback },
  { name: 'proposals', label: '建议', right: 'edit', draw: Proposals },
  { name: 'recall', label: '答复追溯', right: 'review', draw: Recall },
];

export function LearningPage({ me }) {
  useEffect(() => {
    loadPlace();
  }, []);
  return Tabs({ label: '学习', parts: PARTS, me });
}

function useList(path) {
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');
  const load = () => read(path).then((found) => { setTold(found); setFault(''); }, (problem) => setFault(problem.message));
  useEffect(() => {
    load();
  }, [path]);
  async function act(work) {
    try {
      await work;
      await load();
      return true;
    } catch (problem) {
      setFault(problem.message);
      return false;
    }
  }
  return [told, fault, act];
}

function Unanswered() {
  const [told, fault, act] = useList('/knowledge/unanswered');
  const [open, setOpen] = useState(null);
  return html`<h1 class="page-title">没答好的问题</h1><p class="hint">近 30 天没答上、点了“没用”、选了“都不是”的问题，问法相近的归在一起，多的、新的在前。每半小时整理一次${told?.made_at ? `，上次 ${shownAt(told.made_at)}` : ''}。</p><${Fault} text=${fault} />
    ${told && !told.clusters.length ? html`<p class="muted">没有要处理的问题</p>` : null}
    ${(told?.clusters ?? []).map((c) => html`<article class="card" key=${c.id}><div class="row"><h2>${c.questions[0]?.text}</h2></div>
      <div class="row"><b class="num">${c.count} 次</b>${Object.entries(c.why).map(([why, n]) => html`<span class="tag" key=${why}>${WHY[why] ?? why} ${n}</span>`)}<span class="small muted">${c.topic ? topicName(c.topic) : ''}${c.entry ? ` · 当时答的是 ${c.entry}` : ''}</span><span class="tiny">最近 ${shownAt(c.last_at)}</span></div>
      <${Others} questions=${c.questions} />
      <div class="row">${Object.entries(HOWS).map(([how, label]) => html`<button key=${how} class=${how === 'entry' ? 'btn btn--primary btn--sm' : 'btn btn--sm'} type="button" onClick=${() => setOpen({ cluster: c, how })}>${label}</button>`)}</div></article>`)}
    ${open ? html`<${Settle} ...${open} close=${() => setOpen(null)} done=${async (body) => { if (await act(settled(open.cluster, body))) setOpen(null); }} />` : null}`;
}

/** Another wording goes into the entry's draft first; only then the questions are done with. */
async function settled(cluster, body) {
  if (body.how === 'variant') {
    const path = `/knowledge/entries/${encodeURIComponent(body.entry ?? '')}`;
    const draft = await read(path);
    if (!draft.variants.includes(body.text)) await call('PUT', path, draftBody({ ...draft, variants: [...draft.variants, body.text] }), { 'If-Match': `"${draft.revision}"` });
  }
  return post(`/knowledge/unanswered/${cluster.id}/settle`, body);
}

/** The other wordings of a cluster. */
function Others({ questions }) {
  const others = [...new Set(questions.map((q) => q.text))].slice(1, 6);
  return others.length ? html`<ul class="asked">${others.map((q) => html`<li key=${q}>${q}</li>`)}</ul>` : null;
}

function Settle({ cluster, how, close, done }) {
  const [text, setText] = useState(how === 'dismissed' ? '' : cluster.questions[0]?.text ?? '');
  const [entry, setEntry] = useState(cluster.entry ?? '');
  const keep = (event) => {
    event.preventDefault();
    done({ how, text, entry: entry.trim() || null });
  };
  return html`<${Dialog} title=${HOWS[how]} close=${close}><form class="stack" onSubmit=${keep}><p class="hint">${HINTS[how]}</p>
    ${how === 'dismissed' ? null : html`<${Field} id="l-text" label=${how === 'synonym' ? '同义词' : '问题'}><input class="input" id="l-text" maxlength="500" value=${text} onInput=${(e) => setText(e.target.value)} /><//>`}
    ${how === 'variant' ? html`<${Field} id="l-entry" label="条目编号"><input class="input" id="l-entry" required value=${entry} onInput=${(e) => setEntry(e.target.value)} /><//>` : null}
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>取消</button><button class="btn btn--primary" type="submit">${how === 'dismissed' ? '不用处理' : '记下'}</button></div></form><//>`;
}

function Feedback({ me }) {
  const [closed, setClosed] = useState(false);
  const [told, fault, act] = useList(`/knowledge/feedback${query({ closed })}`);
  const [open, setOpen] = useState(null);
  const at = (f) => `/knowledge/feedback/${encodeURIComponent(f.conversation)}/${f.seq}`;
  return html`<h1 class="page-title">反馈箱</h1><div class="row" role="group" aria-label="状态">${[[false, '待处理'], [true, '已办结']].map(([value, label]) => html`<button key=${label} class="chip" type="button" aria-pressed=${closed === value ? 'true' : 'false'} onClick=${() => setClosed(value)}>${label}</button>`)}</div><${Fault} text=${fault} />
    ${told && !told.feedback.length ? html`<p class="muted">没有反馈</p>` : null}
    ${(told?.feedback ?? []).map((f) => html`<article class="card" key=${f.conversation + f.seq}><div class="row row--between"><h2>${f.question || '（没有问题）'}</h2><span class="row">${f.overdue ? html`<span class="tag tag--danger">已超期</span>` : null}<span class="small muted num">应于 ${f.due}${f.provisional ? '（节假日未核定）' : ''}</span></span></div>
      <p class="small wrap">${plain(f.answer)}</p><div class="row"><span class="grow small muted">${channelName(f.channel)} ${shownAt(f.at)}${f.entry ? ` · ${f.entry}` : ''} · ${f.owner ? `处理人 ${f.owner}` : '还没有人处理'}</span>
      ${closed ? html`<span class="tag tag--human">${RESULTS[f.result] ?? f.result}</span><span class="small">${f.remark}</span>` : html`${f.owner === me.username ? null : html`<button class="btn btn--sm" type="button" onClick=${() => act(post(`${at(f)}/take`))}>我来处理</button>`}<button class="btn btn--sm" type="button" onClick=${() => setOpen(f)}>办结</button>`}</div></article>`)}
    ${open ? html`<${Close} told=${open} close=${() => setOpen(null)} done=${async (body) => { if (await act(post(`${at(open)}/close`, body))) setOpen(null); }} />` : null}`;
}

function Close({ told, close, done }) {
  const [result, setResult] = useState('changed');
  const [entry, setEntry] = useState(told.entry ?? '');
  const [remark, setRemark] = useState('');
  const keep = (event) => {
    event.preventDefault();
    done({ result, entry: entry.trim() || null, remark });
  };
  return html`<${Dialog} title="办结反馈" close=${close}><form class="stack" onSubmit=${keep}>
    <fieldset class="picks"><legend class="field__label">结果</legend>${Object.entries(RESULTS).map(([value, label]) => html`<label class="pick" key=${value}><input type="radio" name="f-result" checked=${result === value} onChange=${() => setResult(value)} /><span>${label}</span></label>`)}</fieldset>
    ${result === 'changed' ? html`<${Field} id="f-entry" label="改了哪一条"><input class="input" id="f-entry" required value=${entry} onInput=${(e) => setEntry(e.target.value)} /><//>` : null}
    <${Field} id="f-remark" label=${result === 'changed' ? '说明' : '为什么不用改'}><textarea class="input" id="f-remark" maxlength="500" required=${result !== 'changed'} value=${remark} onInput=${(e) => setRemark(e.target.value)}></textarea><//>
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>取消</button><button class="btn btn--primary" type="submit">办结</button></div></form><//>`;
}

function Proposals({ me }) {
  const [status, setStatus] = useState('open');
  const [told, fault, act] = useList(`/knowledge/proposals${query({ status })}`);
  const decide = (p, accept) => act(post(`/knowledge/proposals/${p.id}/decide`, { accept }));
  return html`<h1 class="page-title">建议</h1><div class="row" role="group" aria-label="状态">${[['open', '待审定'], ['drafted', '去写草稿'], ['accepted', '已采纳'], ['rejected', '未采纳']].map(([value, label]) => html`<button key=${value} class="chip" type="button" aria-pressed=${status === value ? 'true' : 'false'} onClick=${() => setStatus(value)}>${label}</button>`)}</div><${Fault} text=${fault} />
    ${told && !told.proposals.length ? html`<p class="muted">没有建议</p>` : null}
    ${(told?.proposals ?? []).map((p) => html`<article class="card" key=${p.id}><div class="row"><span class="tag tag--brand">${p.kind === 'desk' ? '坐席建议' : HOWS[p.kind] ?? p.kind}</span><h2>${p.text}</h2></div><ul class="asked">${p.questions.slice(0, 5).map((q) => html`<li key=${q}>${q}</li>`)}</ul>
      <div class="row"><span class="grow small muted">${p.entry ? `${p.entry} · ` : ''}${p.made_by} ${shownAt(p.made_at)}${p.decided_by ? ` · ${p.decided_by} 审定` : ''}</span>
      ${status === 'drafted' ? html`<a class="btn btn--sm" href="/console/knowledge">去知识里看草稿</a>` : null}
      ${status === 'open' && me.rights.includes('review') && p.made_by !== me.username ? html`<button class="btn btn--sm" type="button" onClick=${() => decide(p, false)}>不采纳</button><button class="btn btn--primary btn--sm" type="button" onClick=${() => decide(p, true)}>采纳</button>` : null}</div></article>`)}`;
}

function Recall() {
  const [asked, setAsked] = useState({ entry: '', first: `${day(6)}T00:00`, last: `${day()}T23:59` });
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');
  const set = (key) => (event) => setAsked({ ...asked, [key]: event.target.value });
  async function search(event) {
    event.preventDefault();
    try {
      setTold((await read(`/knowledge/recall${query({ entry: asked.entry.trim(), first: fromLocal(asked.first), last: fromLocal(asked.last) })}`)).conversations);
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }
  return html`<h1 class="page-title">答复追溯</h1><p class="hint">一条答复改正后，查出这段时间里谁看到过它。每次查询记入审计日志。</p><${Fault} text=${fault} />
    <form class="row" onSubmit=${search}><label class="vh" for="c-entry">条目编号</label><input class="input auto" id="c-entry" required placeholder="条目编号" value=${asked.entry} onInput=${set('entry')} />
      <label class="vh" for="c-first">从</label><input class="input auto" id="c-first" type="datetime-local" required value=${asked.first} onInput=${set('first')} /><label class="vh" for="c-last">到</label><input class="input auto" id="c-last" type="datetime-local" required value=${asked.last} onInput=${set('last')} /><button class="btn btn--primary" type="submit">查询</button></form>
    ${told === null ? null : html`<section class="card"><h2>${told.length} 次${told.length === 1000 ? '（只列最近 1000 次）' : ''}</h2>${told.length ? html`<${Table} label="答复追溯" head=${['时间', '渠道', '会话', '答复编号', '知识版本']}>${told.map((r) => html`<tr key=${r.conversation + r.seq}><td class="num nowrap">${shownAt(r.at)}</td><td>${channelName(r.channel)}</td><td class="wrap">${r.conversation}</td><td class="num nowrap">${r.answer_code}</td><td class="wrap">${r.version}</td></tr>`)}<//>` : html`<p class="muted">这段时间没有人看到</p>`}</section>`}`;
}
