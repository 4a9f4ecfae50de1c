/** Sign-in: name and password, then the six digits if the account has a second factor, then a new password if it must. */
import { Fault, Field } from './dialog.js';
import { Icon, Mark } from './icons.js';
import { html, useEffect, useRef, useState } from './preact.js';
import { PasswordForm } from './password.js';
import { post } from './rest.js';

export function SignIn({ done, reason }) {
  const [step, setStep] = useState({ name: 'password', username: '', password: '' });
  return html`<div class="sign">
    <main class="sign__in sign__in--one">
      <section class="card sign__card" aria-labelledby="sign-title">
        <p class="sign__brand"><${Mark} />社保易答</p>
        ${reason && step.name === 'password' ? html`<p class="note note--info"><${Icon} name="info" /><span>${reason}</span></p>` : null}
        ${step.name === 'password'
          ? html`<${Password} step=${step} done=${done} needsCode=${(told) => setStep({ name: 'code', ...told })} />`
          : html`<${Code} step=${step} done=${done} back=${() => setStep({ ...step, name: 'password', password: '' })} />`}
      </section>
    </main>
    <footer class="foot">登录和操作都会留下审计记录</footer>
  </div>`;
}

function Password({ step, done, needsCode }) {
  const [username, setUsername] = useState(step.username);
  const [password, setPassword] = useState('');
  const [shown, setShown] = useState(false);
  const [fault, setFault] = useState(null);
  const [busy, setBusy] = useState(false);
  const summary = useRef(null);
  useEffect(() => summary.current?.focus(), [fault]);

  async function enter(event) {
    event.preventDefault();
    if (!username.trim() || !password) {
      setFault({ title: '请输入用户名和密码', text: '' });
      return;
    }
    setBusy(true);
    try {
      done(await post('/session', { username: username.trim(), password }));
    } catch (problem) {
      if (problem.code === 'code_required') needsCode({ username: username.trim(), password });
      else setFault(told(problem));
      setBusy(false);
    }
  }

  return html`<h1 id="sign-title">工作人员登录</h1>
    ${fault ? html`<div class="summary" role="alert" tabindex="-1" ref=${summary}><strong>${fault.title}</strong>${fault.text ? html`<p class="small">${fault.text}</p>` : null}</div>` : null}
    <form class="stack" onSubmit=${enter} novalidate>
      <${Field} id="username" label="用户名">
        <input class="input" id="username" name="username" autocomplete="username" autocapitalize="none" spellcheck=${false} autofocus
          value=${username} aria-invalid=${fault ? 'true' : null} onInput=${(e) => setUsername(e.target.value)} /><//>
      <${Field} id="password" label="密码">
        <div class="withbtn">
          <input class="input" id="password" name="password" type=${shown ? 'text' : 'password'} autocomplete="current-password"
            value=${password} aria-invalid=${fault ? 'true' : null} onInput=${(e) => setPassword(e.target.value)} />
          <button class="btn btn--quiet" type="button" aria-pressed=${shown} aria-controls="password" onClick=${() => setShown(!shown)}>${shown ? '隐藏' : '显示'}</button>
        </div><//>
      <button class="btn btn--primary btn--wide" type="submit" disabled=${busy}>登录</button>
    </form>`;
}

/** The first sentence says what is wrong, the others what follows. */
function told(problem) {
  const [, title, text] = /^([^。]*)。?(.*)$/s.exec(problem.message);
  return { title, text };
}

function Code({ step, done, back }) {
  const [code, setCode] = useState('');
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);
  const box = useRef(null);
  useEffect(() => box.current?.focus(), []);

  async function enter(event) {
    event.preventDefault();
    setBusy(true);
    try {
      done(await post('/session', { username: step.username, password: step.password, code: code.trim() }));
    } catch (problem) {
      setFault(problem.message);
      setCode('');
      setBusy(false);
      box.current?.focus();
    }
  }

  return html`<div><h1 id="sign-title">输入动态验证码</h1><p class="hint">打开手机上的验证器，输入社保易答的 6 位数字。</p></div>
    <form class="stack" onSubmit=${enter} novalidate>
      <${Field} id="code" label="动态验证码">
        <${Fault} text=${fault} />
        <input class="input otp" id="code" name="code" ref=${box} inputmode="numeric" autocomplete="one-time-code" maxlength="12"
          value=${code} aria-invalid=${fault ? 'true' : null} onInput=${(e) => setCode(e.target.value)} /><//>
      <button class="btn btn--primary btn--wide" type="submit" disabled=${busy || !code.trim()}>确认</button>
      <button class="btn btn--quiet btn--wide" type="button" onClick=${back}>返回</button>
    </form>`;
}

/** An account made by somebody else begins with a password of its own. */
export function MustChange({ done, leave }) {
  return html`<div class="sign">
    <main class="sign__in sign__in--one"><section class="card sign__card" aria-labelledby="sign-title">
      <p class="sign__brand"><${Mark} />社保易答</p>
      <div><h1 id="sign-title">请先设置新密码</h1><p class="hint">这是第一次登录，或管理员重设了密码。设好以后才能使用。</p></div>
      <${PasswordForm} done=${done} label="设置新密码" wide=${true} />
      <button class="btn btn--quiet btn--wide" type="button" onClick=${leave}>退出登录</button>
    </section></main>
  </div>`;
}
