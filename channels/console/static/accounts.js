/** Accounts of the staff: who is there, new ones, roles, a new password, closing. */
import { Table } from './board.js';
import { Dialog, Fault, Field } from './dialog.js';
import { loadPlace, skills, topicName } from './place.js';
import { html, useEffect, useState } from './preact.js';
import { call, post, read, remove } from './rest.js';

const WRITERS = ['editor', 'reviewer', 'admin'];
export const ROLES = { agent: '坐席', supervisor: '班长', editor: '知识编辑', reviewer: '知识审核', admin: '管理员', auditor: '审计员' };

export function AccountsPage({ me }) {
  const [list, setList] = useState(null);
  const [edited, setEdited] = useState(null);
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');

  async function load() {
    try {
      setList((await read('/staff')).staff);
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    loadPlace().then(load);
  }, []);

  async function act(work, then = () => {}) {
    try {
      then(await work);
      await load();
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<main class="sheet" aria-label="账号"><div class="sheet__in sheet__in--wide">
    <div class="row row--between"><h1 class="page-title">账号</h1><button class="btn btn--primary" type="button" onClick=${() => setEdited({ roles: ['agent'], skills: [], capacity: 3 })}>新建账号</button></div>
    <${Fault} text=${fault} />
    ${told ? html`<${OneTime} told=${told} close=${() => setTold(null)} />` : null}
    ${list === null ? html`<p class="muted">${fault ? '' : '正在取账号'}</p>` : html`<section class="card"><${Table} label="账号" head=${['用户名', '姓名', '工号', '角色', '技能', '接待', '状态', '']}>
      ${list.map((a) => html`<tr key=${a.username}><td>${a.username}</td><td>${a.name}</td><td class="num">${a.number}</td><td>${a.roles.map((r) => ROLES[r] ?? r).join('、')}</td>
        <td>${a.skills.map(topicName).join('、') || '全部'}</td><td class="num">${a.capacity}</td>
        <td>${a.disabled ? html`<span class="tag tag--danger">已停用</span>` : html`<span class="tag tag--human">启用</span>`}${a.second_factor ? html` <span class="tag">动态码</span>` : null}</td>
        <td class="r"><span class="row row--end"><button class="btn btn--sm" type="button" onClick=${() => setEdited(a)}>修改<span class="vh">${a.username}</span></button>
          <button class="btn btn--sm" type="button" onClick=${() => act(post(`/staff/${encodeURIComponent(a.username)}/password`), (done) => setTold({ username: a.username, password: done.password }))}>重设密码<span class="vh">${a.username}</span></button>
          ${a.second_factor ? html`<button class="btn btn--sm" type="button" onClick=${() => act(remove(`/staff/${encodeURIComponent(a.username)}/totp`))}>解绑动态码<span class="vh">${a.username}</span></button>` : null}
          ${a.username === me.username ? null : html`<button class="btn btn--sm" type="button" onClick=${() => act(change(a.username, { disabled: !a.disabled }))}>${a.disabled ? '启用' : '停用'}<span class="vh">${a.username}</span></button>`}</span></td></tr>`)}<//></section>`}
    ${edited ? html`<${Edit} account=${edited} close=${() => setEdited(null)} done=${(made) => { setEdited(null); setTold(made.password ? made : null); load(); }} />` : null}
  </div></main>`;
}

function change(username, told) {
  return call('PATCH', `/staff/${encodeURIComponent(username)}`, told);
}

/** A password that is shown once, here and nowhere else. */
function OneTime({ told, close }) {
  return html`<section class="card" role="status"><h2>${told.username} 的一次性密码</h2><p class="secret">${told.password}</p><p class="hint">只显示这一次，请当面或电话告诉本人。第一次登录要改掉。</p><div><button class="btn" type="button" onClick=${close}>我记下了</button></div></section>`;
}

function Edit({ account, close, done }) {
  const isNew = !account.username;
  const [told, setTold] = useState({ username: '', name: '', number: '', password: '', topics: [], ...account });
  const [fault, setFault] = useState('');
  const set = (key) => (event) => setTold({ ...told, [key]: event.target.value });
  const toggle = (key, value) => () => setTold({ ...told, [key]: told[key].includes(value) ? told[key].filter((v) => v !== value) : [...told[key], value] });

  async function keep(event) {
    event.preventDefault();
    if (!told.username.trim()) return setFault('请写用户名');
    if (!told.roles.length) return setFault('请至少选一个角色');
    const given = Object.fromEntries(['name', 'number'].map((key) => [key, told[key].trim()]).filter(([, value]) => value));
    const same = { ...given, roles: told.roles, skills: told.skills, topics: told.topics, capacity: Number(told.capacity) };
    try {
      const made = isNew ? await post('/staff', { ...same, username: told.username.trim(), ...(told.password ? { password: told.password } : {}) }) : await change(account.username, same);
      return done(made);
    } catch (problem) {
      return setFault(problem.message);
    }
  }

  const box = (id, label, key, more = {}, hint = '') => html`<${Field} id=${id} label=${label} hint=${hint}><input class="input" id=${id} value=${told[key]} onInput=${set(key)} ...${more} /><//>`;
  return html`<${Dialog} title=${isNew ? '新建账号' : `修改 ${account.username}`} close=${close}><form class="stack" onSubmit=${keep} novalidate>
    <${Fault} text=${fault} />
    ${isNew ? box('a-username', '用户名', 'username', { autocomplete: 'off', autocapitalize: 'none', spellcheck: false }) : null}
    <div class="two">${box('a-name', '姓名', 'name', {}, '市民看得到')}${box('a-number', '工号', 'number', {}, isNew ? '不填就自动编号' : '市民看得到')}</div>
    ${isNew ? box('a-password', '初始密码', 'password', { type: 'password', autocomplete: 'new-password' }, '不填就给一个一次性密码；第一次登录要改掉') : null}
    <fieldset class="picks"><legend class="field__label">角色</legend><div class="checks">${Object.entries(ROLES).map(([role, name]) => html`<label class="pick" key=${role}><input type="checkbox" checked=${told.roles.includes(role)} onChange=${toggle('roles', role)} /><span>${name}</span></label>`)}</div></fieldset>
    <fieldset class="picks"><legend class="field__label">技能（都不选就是全部）</legend><div class="checks">${skills().map(({ key, name }) => html`<label class="pick" key=${key}><input type="checkbox" checked=${told.skills.includes(key)} onChange=${toggle('skills', key)} /><span>${name}</span></label>`)}</div></fieldset>
    ${WRITERS.some((role) => told.roles.includes(role)) ? html`<fieldset class="picks"><legend class="field__label">编辑和审核哪些主题（都不选就是全部）</legend><div class="checks">${skills().map(({ key, name }) => html`<label class="pick" key=${key}><input type="checkbox" checked=${told.topics.includes(key)} onChange=${toggle('topics', key)} /><span>${name}</span></label>`)}</div></fieldset>` : null}
    ${box('a-capacity', '同时接待几个会话', 'capacity', { type: 'number', min: 1, max: 100, inputmode: 'numeric' })}
    <div class="row row--end"><button class="btn" type="button" onClick=${close}>取消</button><button class="btn btn--primary" type="submit">保存</button></div>
  </form><//>`;
}
