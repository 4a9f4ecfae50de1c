/** 公告与开关: notices with their times, an emergency in one step, and a switch for each channel. */
import { Dialog, Fault, Field } from './dialog.js';
import { fromLocal, shownAt, toLocal } from './moments.js';
import { channelName } from './icons.js';
import { newId } from './line.js';
import { html, useEffect, useState } from './preact.js';
import { post, put, read, remove } from './rest.js';

const CHANNELS = ['web', 'wechat', 'voice'];
const KINDS = { emergency: '紧急通知', pinned: '置顶公告', hot: '热门问题' };
const KIND_HINTS = {
  emergency: '马上在网页、微信、电话上告诉所有人，正在咨询的也会收到一次。',
  pinned: '停机、截止日期、临时政策；在起止时间内，问候前先说。',
  hot: '很多人正在问的问题，排在“大家常问”的最前面。',
};
const STAGES = { coming: ['未开始', 'tag--warn'], now: ['正在显示', 'tag--human'], over: ['已结束', ''] };
const RESTING = '系统正在维护，暂时不能答复。急事请打 12333。';

export function Notices() {
  const [told, setTold] = useState({ notices: null, switches: null });
  const [edited, setEdited] = useState(null);
  const [flipped, setFlipped] = useState(null);
  const [fault, setFault] = useState('');

  async function load() {
    try {
      const [a, b] = await Promise.all([read('/notices'), read('/switches')]);
      setTold({ ...a, ...b });
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    load();
  }, []);

  async function act(work) {
    try {
      await work;
      setFlipped(null);
      setEdited(null);
      await load();
    } catch (problem) {
      setFault(problem.message);
    }
  }

  const { notices, switches } = told;
  return html`<div class="row row--between"><h1 class="page-title">公告与开关</h1>
      <span class="row"><button class="btn btn--danger" type="button" onClick=${() => setEdited({ kind: 'emergency' })}>发紧急通知</button>
      <button class="btn btn--primary" type="button" onClick=${() => setEdited({ kind: 'pinned' })}>新公告</button></span></div>
    <${Fault} text=${fault} />
    ${switches === null ? html`<p class="muted">${fault ? '' : '正在取公告'}</p>` : html`<section class="card"><h2>渠道开关</h2>
      <ul class="switches">${switches.map((s) => html`<${SwitchRow} key=${s.channel} told=${s} flip=${() => (s.off ? act(put(`/switches/${s.channel}`, { off: false, text: s.text })) : setFlipped(s))} />`)}</ul></section>`}
    ${notices === null ? null : html`<section class="card"><h2>公告</h2>${notices.length ? null : html`<p class="muted">没有公告</p>`}
      ${notices.map((n) => html`<${Row} key=${n.id} notice=${n} edit=${() => setEdited(n)} end=${() => act(remove(`/notices/${encodeURIComponent(n.id)}`))} />`)}</section>`}
    ${edited ? html`<${Edit} notice=${edited} close=${() => setEdited(null)} done=${() => { setEdited(null); load(); }} />` : null}
    ${flipped ? html`<${SwitchOff} told=${flipped} close=${() => setFlipped(null)} off=${(text) => act(put(`/switches/${flipped.channel}`, { off: true, text }))} />` : null}`;
}

function SwitchRow({ told, flip }) {
  const name = channelName(told.channel);
  return html`<li class="switch-row"><b>${name}</b>${told.off ? html`<span class="tag tag--danger">已关闭</span>` : html`<span class="tag tag--human">正常服务</span>`}
    <span class="grow small muted">${told.off ? `“${told.text}”` : ''}${told.off && told.changed_at ? ` ${shownAt(told.changed_at)} ${told.changed_by}` : ''}</span>
    <button class=${told.off ? 'btn btn--human btn--sm' : 'btn btn--sm'} type="button" onClick=${flip}>${told.off ? '恢复服务' : '关闭'}<span class="vh">${name}</span></button></li>`;
}

function Row({ notice, edit, end }) {
  const [label, tag] = STAGES[notice.stage] ?? ['', ''];
  const where = notice.channels.length === CHANNELS.length ? '全部渠道' : notice.channels.map(channelName).join('、');
  return html`<article class="notice-row"><div class="row"><span class=${notice.kind === 'emergency' ? 'tag tag--danger' : 'tag tag--brand'}>${KINDS[notice.kind]}</span><span class=${`tag ${tag}`}>${label}</span>
      <span class="small muted">${where}</span><span class="small muted num">${shownAt(notice.starts_at)} — ${notice.ends_at ? shownAt(notice.ends_at) : '手动结束'}</span></div>
    <p>${notice.text}</p>
    <div class="row"><span class="grow tiny">${notice.changed_by} ${shownAt(notice.changed_at)}</span>
      ${notice.stage === 'over' ? null : html`<button class="btn btn--sm" type="button" onClick=${edit}>修改</button><button class="btn btn--sm" type="button" onClick=${end}>结束</button>`}</div></article>`;
}

function Edit({ notice, close, done }) {
  const isNew = !notice.id;
  const [id] = useState(() => newId().replace(/[^A-Za-z0-9_-]/g, '').slice(0, 32));
  const [told, setTold] = useState({ text: '', channels: CHANNELS, ...notice, starts: notice.stage === 'coming' ? toLocal(notice.starts_at) : '', ends: toLocal(notice.ends_at) });
  const [fault, setFault] = useState('');
  const set = (key) => (event) => setTold({ ...told, [key]: event.target.value });
  const toggle = (channel) => () => setTold({ ...told, channels: told.channels.includes(channel) ? told.channels.filter((c) => c !== channel) : [...told.channels, channel] });

  async function keep(event) {
    event.preventDefault();
    if (!told.text.trim()) return setFault('请写上要告诉市民的话');
    const starts_at = told.starts ? fromLocal(told.starts) : isNew || notice.stage === 'coming' ? null : notice.starts_at;
    const body = { kind: told.kind, text: told.text, channels: told.channels, starts_at, ends_at: told.ends ? fromLocal(told.ends) : null };
    try {
      if (isNew) await post('/notices', { ...body, id });
      else await put(`/notices/${encodeURIComponent(notice.id)}`, { ...body, revision: notice.revision });
      return done();
    } catch (problem) {
      return setFault(problem.code === 'stale' ? '别人刚改过这条公告，请关掉重新打开再改' : problem.message);
    }
  }

  return html`<${Dialog} title=${isNew ? KINDS[told.kind] : `修改${KINDS[told.kind]}`} close=${close}><form class="stack" onSubmit=${keep} novalidate>
    <${Fault} text=${fault} />
    ${isNew ? html`<fieldset class="picks"><legend class="field__label">种类</legend><div class="checks">${Object.entries(KINDS).map(([kind, name]) => html`<label class="pick" key=${kind}><input type="radio" name="n-kind" checked=${told.kind === kind} onChange=${() => setTold({ ...told, kind })} /><span>${name}</span></label>`)}</div></fieldset>` : null}
    <p class=${told.kind === 'emergency' ? 'note note--danger' : 'hint'}>${KIND_HINTS[told.kind]}</p>
    <${Field} id="n-text" label=${told.kind === 'hot' ? '问题' : '内容'}><textarea class="input" id="n-text" rows="4" maxlength="500" value=${told.text} onInput=${set('text')}></textarea><//>
    <fieldset class="picks"><legend class="field__label">渠道</legend><div class="checks">${CHANNELS.map((channel) => html`<label class="pick" key=${channel}><input type="checkbox" checked=${told.channels.includes(channel)} onChange=${toggle(channel)} /><span>${channelName(channel)}</span></label>`)}</div></fieldset>
    <div class="two"><${Field} id="n-starts" label="开始" hint="不填就马上开始"><input class="input" id="n-starts" type="datetime-local" value=${told.starts} onInput=${set('starts')} /><//>
      <${Field} id="n-ends" label="结束" hint="不填就手动结束"><input class="input" id="n-ends" type="datetime-local" value=${told.ends} onInput=${set('ends')} /><//></div>
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>取消</button><button class=${told.kind === 'emergency' ? 'btn btn--danger' : 'btn btn--primary'} type="submit">${isNew ? '发布' : '保存'}</button></div>
  </form><//>`;
}

function SwitchOff({ told, close, off }) {
  const [text, setText] = useState(told.text || RESTING);
  const name = channelName(told.channel);
  return html`<${Dialog} title=${`关闭${name}`} close=${close}><form class="stack" onSubmit=${(event) => { event.preventDefault(); off(text); }}>
    <p class="note">关闭后，${name}上的新问题都只答这段话，不再转人工；已经接通坐席的会话照常进行。</p>
    <${Field} id="s-text" label="维护提示"><textarea class="input" id="s-text" rows="3" maxlength="500" required value=${text} onInput=${(e) => setText(e.target.value)}></textarea><//>
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>取消</button><button class="btn btn--danger" type="submit">关闭${name}</button></div>
  </form><//>`;
}
