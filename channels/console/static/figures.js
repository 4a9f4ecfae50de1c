/** 数据: figures with their definitions, alarms, charts; conversations, agents, procedures and knowledge. */
import { Table } from './board.js';
import { Bars, Chart, Line, Shares } from './charts.js';
import { Dialog, Fault, Field } from './dialog.js';
import { Icon, channelName } from './icons.js';
import { day, plain, shownAt } from './moments.js';
import { loadPlace, topicName } from './place.js';
import { html, useEffect, useState } from './preact.js';
import { post, query, read } from './rest.js';
import { Tabs } from './tabs.js';
import { useWatched } from './watching.js';

const EVERY = 60_000;
const NAMES = { visits: '接待量', resolved_rate: '机器人独立解决率', handed_rate: '转人工率', answered_rate: '解答率', average_wait: '平均等待', quick_rate: '15 秒接通率', left_rate: '放弃率', satisfied_rate: '满意度' };
const LESS_IS_BETTER = ['handed_rate', 'average_wait', 'left_rate'];
const STARS = ['非常不满意', '不满意', '基本满意', '满意', '非常满意'];
const SPANS = { 0: '今天', 6: '近 7 天', 29: '近 30 天', 89: '近 90 天' };
const PARTIES = { citizen: '市民', bot: '机器人', agent: '坐席', system: '系统' };
const FAULTS = { never_shown: '没人问到', unhelpful: '没用较多', expiring: '快到期', expired: '已到期', stale: '半年没核对' };

const PARTS = [
  { name: 'overview', label: '总览', right: 'measure', draw: Overview, wide: true },
  { name: 'records', label: '会话查询', right: 'measure', draw: Records, wide: true },
  { name: 'agents', label: '坐席', right: null, draw: Agents },
  { name: 'procedures', label: '办事漏斗', right: 'measure', draw: Procedures },
  { name: 'health', label: '知识健康', right: 'measure', draw: Health },
];

export function FiguresPage({ me }) {
  return Tabs({ label: '数据', parts: PARTS, me });
}

function useSpan() {
  const [back, setBack] = useState(6);
  const [channel, setChannel] = useState('');
  const [last, first] = [day(), day(back)];
  const picks = html`<label class="vh" for="f-span">时间</label><select class="input auto" id="f-span" value=${back} onChange=${(e) => setBack(Number(e.target.value))}>${Object.entries(SPANS).map(([n, label]) => html`<option key=${n} value=${n} selected=${Number(n) === back}>${label}</option>`)}</select>`;
  const channels = html`<label class="vh" for="f-channel">渠道</label><select class="input auto" id="f-channel" value=${channel} onChange=${(e) => setChannel(e.target.value)}><option value="">全部渠道</option>${['web', 'wechat', 'voice'].map((c) => html`<option key=${c} value=${c}>${channelName(c)}</option>`)}</select>`;
  return { first, last, back, channel, picks, channels };
}

function Overview({ me }) {
  const span = useSpan();
  const asked = query({ first: span.first, last: span.last, channel: span.channel });
  const [told, fault] = useWatched(`/figures${asked}`, EVERY);
  return html`<div class="row row--between"><div><h1 class="page-title">${SPANS[span.back]}</h1><p class="muted small num">${told?.counted_at ? `截至 ${shownAt(told.counted_at)}，每分钟更新` : '还没有数'}</p></div>
      <div class="row">${span.picks}${span.channels}<a class="btn" href=${`/api/v1/figures/export${asked}`} download>导出表格</a></div></div>
    <p role="status" class=${fault ? 'note' : ''}>${fault}</p>
    ${(told?.alarms ?? []).map((a) => html`<${Alarm} key=${a.topic + a.at} alarm=${a} me=${me} />`)}
    ${told ? html`<section class="kpis kpis--4" aria-label="主要指标">${told.figures.map((f) => html`<${Figure} key=${f.name} figure=${f} />`)}</section>
    <section class="charts" aria-label="图表"><${Charts} told=${told} one=${span.back === 0} /></section>` : html`<p class="muted">正在取数字</p>`}`;
}

function Alarm({ alarm, me }) {
  return html`<section class="alarm" role="status"><${Icon} name="warn" /><div><h2>突然增多：${alarm.label}</h2>
    <p>${shownAt(alarm.at)}，一小时 ${alarm.count} 次，平常 ${Math.round(alarm.usual)} 次，超过 3 倍标准差。</p><p class="small">${alarm.examples.map((q, n) => html`<q key=${n}>${q}</q>`)}</p></div>
    ${me.rights.includes('announce') ? html`<div class="row"><a class="btn btn--primary" href="/console/settings#notices">发公告</a></div>` : html`<div></div>`}</section>`;
}

function Figure({ figure }) {
  const { name, value, before, definition } = figure;
  const better = LESS_IS_BETTER.includes(name) ? value < before : value > before;
  const changed = value !== null && before !== null && value !== before;
  return html`<article class="card kpi"><h2>${NAMES[name] ?? name}</h2>
    <p class="kpi__n">${shown(name, value)}${changed ? html`<small class=${better ? 'up' : 'down'}>前期 ${shown(name, before)}</small>` : null}</p><p class="kpi__def">${definition}</p></article>`;
}

export function shown(name, value) {
  if (value === null || value === undefined) return '—';
  if (name === 'visits') return value.toLocaleString('zh-CN');
  if (name === 'average_wait') return `${Math.floor(value / 60)}:${String(Math.round(value % 60)).padStart(2, '0')}`;
  return `${(100 * value).toFixed(1)}%`;
}

function Charts({ told, one }) {
  const hours = Array.from({ length: 24 }, (_, h) => ({ label: `${h} 时`, value: told.hours.find((x) => x.hour === h)?.counts.questions ?? 0 }));
  const days = told.days.map((d) => ({ label: d.day.slice(5), value: d.counts.visits ?? 0 }));
  const points = one ? hours : days;
  const alarmed = new Set(told.alarms.map((a) => a.topic));
  const topics = told.topics.filter((t) => !t.topic.startsWith('out_of_scope')).slice(0, 8).map((t) => ({ label: t.label, value: t.counts.questions ?? 0, hot: alarmed.has(t.topic) }));
  const names = ['直接答复', '请市民选择', '转人工', '没答上'];
  const shares = told.days.slice(-10).map((d) => ({ label: d.day.slice(5), parts: ['answered', 'clarified', 'handoffs', 'refused'].map((n) => d.counts[n] ?? 0) }));
  const rated = told.counts.rated ?? 0;
  const stars = [5, 4, 3, 2, 1].map((n) => ({ label: STARS[n - 1], value: told.counts[`stars${n}`] ?? 0, shown: rated ? `${Math.round((100 * (told.counts[`stars${n}`] ?? 0)) / rated)}%` : '—' }));
  return html`<${Chart} title=${one ? '每小时提问量' : '每天接待量'} kind="chart--8" head=${[one ? '时间' : '日期', '数量']} rows=${points.map((p) => [p.label, p.value])}><${Line} points=${points} name=${one ? '每小时提问量' : '每天接待量'} /><//>
    <${Chart} title="问得最多" kind="chart--4" head=${['事项', '次数']} rows=${told.topics.map((t) => [t.label, t.counts.questions ?? 0])}>${topics.length ? html`<${Bars} bars=${topics} name="问得最多" />` : html`<p class="muted">还没有提问</p>`}<//>
    <${Chart} title="答复去向" note="右边是直接答复的比例" head=${['日期', ...names]} rows=${shares.map((s) => [s.label, ...s.parts])}><${Shares} rows=${shares} names=${names} name="每天的答复去向" /><//>
    <${Chart} title="满意度" note=${`${rated} 人评价`} head=${['评价', '人数']} rows=${stars.map((s) => [s.label, s.value])}><${Bars} bars=${stars} name="满意度" of=${rated || 1} /><//>`;
}

function Records() {
  const [asked, setAsked] = useState({ first: day(6), last: day(), text: '', channel: '' });
  const [rows, setRows] = useState(null);
  const [reading, setReading] = useState(null);
  const [fault, setFault] = useState('');
  const set = (key) => (event) => setAsked({ ...asked, [key]: event.target.value });

  async function search(event) {
    event.preventDefault();
    try {
      setRows((await read(`/records${query(asked)}`)).records);
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<h1 class="page-title">会话查询</h1><p class="hint">内容已隐去个人号码。每次查询、查看、导出都记入审计日志。</p><${Fault} text=${fault} />
    <form class="row" onSubmit=${search}><label class="vh" for="r-first">从</label><input class="input auto" id="r-first" type="date" value=${asked.first} onInput=${set('first')} /><label class="vh" for="r-last">到</label><input class="input auto" id="r-last" type="date" value=${asked.last} onInput=${set('last')} />
      <label class="vh" for="r-text">包含的字</label><input class="input auto" id="r-text" type="search" placeholder="包含的字" maxlength="100" value=${asked.text} onInput=${set('text')} />
      <button class="btn btn--primary" type="submit">查询</button><a class="btn" href=${`/api/v1/records/export${query(asked)}`} download>导出表格</a></form>
    ${rows === null ? null : html`<section class="card">${rows.length ? html`<${Table} label="会话" head=${['时间', '渠道', '谁', '内容', '']}>${rows.map((r) => html`<tr key=${r.conversation + r.seq}><td class="num nowrap">${shownAt(r.at)}</td><td class="nowrap">${channelName(r.channel)}</td><td class="nowrap">${PARTIES[r.party] ?? r.party}</td><td class="wrap">${plain(r.text)}</td>
      <td class="r"><button class="btn btn--sm" type="button" onClick=${() => setReading(r.conversation)}>看全部</button></td></tr>`)}<//>` : html`<p class="muted">没有查到</p>`}</section>`}
    ${reading ? html`<${Story} id=${reading} close=${() => setReading(null)} />` : null}`;
}

function Story({ id, close }) {
  const [reason, setReason] = useState('');
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');
  async function open(event) {
    event.preventDefault();
    try {
      setTold(await post(`/records/${encodeURIComponent(id)}`, { reason }));
    } catch (problem) {
      setFault(problem.message);
    }
  }
  return html`<${Dialog} title="会话全文" close=${close} wide=${true}>${told ? html`<ol class="story">${told.messages.map((m) => html`<li key=${m.seq}><p class="tiny">${PARTIES[m.party] ?? m.party} ${shownAt(m.at)}${m.entry ? ` · ${m.entry}` : ''}</p><p class="wrap">${plain(m.text)}</p></li>`)}</ol>`
    : html`<form class="stack" onSubmit=${open}><${Fault} text=${fault} /><${Field} id="r-why" label="为什么要看" hint="记入审计日志"><input class="input" id="r-why" maxlength="200" value=${reason} onInput=${(e) => setReason(e.target.value)} /><//><div class="row row--end"><button class="btn btn--primary" type="submit">查看</button></div></form>`}<//>`;
}

function useRead(path) {
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');
  useEffect(() => {
    read(path).then((found) => { setTold(found); setFault(''); }, (problem) => setFault(problem.message));
  }, [path]);
  return [told, fault];
}

function Agents() {
  const span = useSpan();
  const [told, fault] = useRead(`/figures/agents${query({ first: span.first, last: span.last })}`);
  return html`<div class="row row--between"><h1 class="page-title">坐席</h1>${span.picks}</div><${Fault} text=${fault} />
    <section class="card">${told?.agents.length ? html`<${Table} label="坐席" head=${['坐席', '接待次数', '解决', '接待时长（分）', '平均（分）']}>${told.agents.map((a) => html`<tr key=${a.agent}><td>${a.agent}</td><td class="num">${a.served}</td><td class="num">${a.solved}</td><td class="num">${a.busy_minutes}</td><td class="num">${a.served ? (a.busy_minutes / a.served).toFixed(1) : '—'}</td></tr>`)}<//>` : html`<p class="muted">这段时间没有人工接待</p>`}</section>
    <p class="hint">接待次数：坐席接入一次算一次，转接后由下一位另算。解决：结束时坐席选了“已解决”。坐席只看得到自己的。</p>`;
}

function Procedures() {
  const span = useSpan();
  const [told, fault] = useRead(`/figures/procedures${query({ first: span.first, last: span.last })}`);
  return html`<div class="row row--between"><h1 class="page-title">办事漏斗</h1>${span.picks}</div><${Fault} text=${fault} />
    <p class="hint">同一天同一会话只算一次。开始：进入办事引导；看到指南：答完问题，看到第一页；看完：看到最后一页清单。</p>
    ${told && !told.procedures.length ? html`<p class="muted">这段时间没有人走办事引导</p>` : null}
    ${(told?.procedures ?? []).map((p) => html`<section class="card" key=${p.procedure}><h2>${p.title}</h2><${Bars} name=${p.title} bars=${[['开始', p.began], ['看到指南', p.guided], ['看完', p.finished]].map(([label, value]) => ({ label, value, shown: p.began ? `${value}（${Math.round((100 * value) / p.began)}%）` : String(value) }))} /></section>`)}`;
}

function Health() {
  const span = useSpan();
  const [told, fault] = useRead(`/figures/knowledge${query({ first: span.first, last: span.last })}`);
  const [only, setOnly] = useState('');
  useEffect(() => {
    loadPlace();
  }, []);
  const list = (told?.entries ?? []).filter((e) => !only || e.faults.includes(only));
  return html`<div class="row row--between"><h1 class="page-title">知识健康</h1>${span.picks}</div><${Fault} text=${fault} />
    ${told?.uncovered.length ? html`<p class="note">有人问、但没有条目的主题：${told.uncovered.join('、')}</p>` : null}
    <div class="row" role="group" aria-label="问题种类">${[['', '全部'], ...Object.entries(FAULTS)].map(([value, label]) => html`<button key=${value} class="chip" type="button" aria-pressed=${only === value ? 'true' : 'false'} onClick=${() => setOnly(value)}>${label} <span class="num">${(told?.entries ?? []).filter((e) => !value || e.faults.includes(value)).length}</span></button>`)}</div>
    <section class="card">${list.length ? html`<${Table} label="知识健康" head=${['条目', '问题', '用过', '没用', '到期', '核对', '毛病']}>${list.slice(0, 200).map((e) => html`<tr key=${e.entry}><td class="wrap">${topicName(e.topic)}</td><td class="wrap">${e.question}<span class="tiny"> ${e.entry}</span></td><td class="num">${e.shown}</td><td class="num">${e.unhelpful}</td><td class="num nowrap">${e.until ?? '—'}</td><td class="num nowrap">${e.checked}</td><td>${e.faults.map((f) => html`<span class="tag tag--warn" key=${f}>${FAULTS[f]}</span> `)}</td></tr>`)}<//>${list.length > 200 ? html`<p class="muted">只列前 200 条，共 ${list.length} 条</p>` : null}` : html`<p class="muted">${told ? '没有这样的条目' : '正在取'}</p>`}</section>`;
}
