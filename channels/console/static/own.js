/** One's own account: password, second factor, and where one is signed in. */
import { ROLES } from './accounts.js';
import { shown } from './clock.js';
import { Fault, Field } from './dialog.js';
import { html, useEffect, useState } from './preact.js';
import { PasswordForm } from './password.js';
import { post, read, remove } from './rest.js';

export function OwnPage({ me, reload }) {
  const [told, setTold] = useState('');
  return html`<main class="sheet" aria-label="我的账号"><div class="sheet__in">
    <h1 class="page-title">我的账号</h1>
    <p role="status" class=${told ? 'note note--human' : ''}>${told}</p>
    <section class="card"><h2>${me.name || me.username}</h2><dl class="facts"><dt>用户名</dt><dd>${me.username}</dd><dt>工号</dt><dd class="num">${me.number}</dd><dt>角色</dt><dd>${me.roles.map((r) => ROLES[r] ?? r).join('、')}</dd></dl></section>
    <section class="card"><h2>密码</h2><div class="narrow"><${PasswordForm} done=${() => setTold('密码已修改，其他地方的登录都已退出。')} /></div></section>
    <${SecondFactor} me=${me} changed=${(text) => { setTold(text); reload(); }} />
    <${Places} />
  </div></main>`;
}

function SecondFactor({ me, changed }) {
  const [offer, setOffer] = useState(null);
  const [code, setCode] = useState('');
  const [password, setPassword] = useState('');
  const [fault, setFault] = useState('');
  const isOn = me.second_factor;

  async function act(event, work, then) {
    event.preventDefault();
    try {
      then(await work());
      setFault('');
      setPassword('');
    } catch (problem) {
      setFault(problem.message);
    }
    setCode('');
  }

  const codeBox = html`<${Field} id="totp-code" label="动态验证码" hint="验证器里社保易答的 6 位数字"><input class="input" id="totp-code" inputmode="numeric" autocomplete="one-time-code" maxlength="6" value=${code} onInput=${(e) => setCode(e.target.value)} /><//>`;
  const passwordBox = html`<${Field} id="totp-password" label="登录密码"><input class="input" id="totp-password" type="password" autocomplete="current-password" value=${password} onInput=${(e) => setPassword(e.target.value)} /><//>`;
  return html`<section class="card"><h2>动态验证码</h2>
    <p class="hint">${isOn ? '已开启：登录时除了密码，还要输入验证器里的 6 位数字。' : '未开启。开启后，登录时还要输入手机验证器里的 6 位数字，账号更安全。'}</p>
    <${Fault} text=${fault} />
    <div class="narrow">${isOn
      ? html`<form class="stack" onSubmit=${(e) => act(e, () => remove('/session/totp', { password }), () => changed('动态验证码已关闭。'))}>${passwordBox}<div><button class="btn btn--danger" type="submit">关闭动态验证码</button></div></form>`
      : offer
        ? html`<form class="stack" onSubmit=${(e) => act(e, () => post('/session/totp', { code: code.trim() }), () => { setOffer(null); changed('动态验证码已开启。'); })}>
            <div><p>在手机验证器里选“手动输入密钥”，账户填 ${me.username}，密钥填：</p><p class="secret">${offer.secret.replace(/(.{4})/g, '$1 ')}</p><p class="small"><a href=${offer.uri}>在这台设备的验证器里打开</a></p></div>
            ${codeBox}<div class="row"><button class="btn btn--primary" type="submit">确认开启</button><button class="btn" type="button" onClick=${() => setOffer(null)}>先不开</button></div></form>`
        : html`<form class="stack" onSubmit=${(e) => act(e, () => post('/session/totp', { password }), setOffer)}>${passwordBox}<div><button class="btn" type="submit">开启动态验证码</button></div></form>`}</div>
  </section>`;
}

function Places() {
  const [list, setList] = useState(null);
  const [fault, setFault] = useState('');

  async function load() {
    try {
      setList((await read('/session/places')).places);
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    load();
  }, []);

  async function end(id) {
    try {
      await remove(`/session/places/${id}`);
      await load();
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<section class="card"><h2>登录在哪里</h2><${Fault} text=${fault} />
    ${(list ?? []).map((p) => html`<div class="row row--between" key=${p.id}><p>${p.device || '未知设备'}<br /><span class="small muted num">${p.address} · ${shown(p.seen_at, Date.now())}</span></p>${p.current ? html`<span class="tag tag--human">这里</span>` : html`<button class="btn btn--sm" type="button" onClick=${() => end(p.id)}>退出这个登录</button>`}</div>`)}
  </section>`;
}
