/** A new password for oneself. */
import { Fault, Field } from './dialog.js';
import { html, useState } from './preact.js';
import { put } from './rest.js';

export function PasswordForm({ done, label = '修改密码', wide = false }) {
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const [again, setAgain] = useState('');
  const [fault, setFault] = useState('');
  const [busy, setBusy] = useState(false);

  async function change(event) {
    event.preventDefault();
    if (!old || !fresh) return setFault('请输入原密码和新密码');
    if (fresh !== again) return setFault('两次输入的新密码不一样');
    setBusy(true);
    try {
      await put('/session/password', { old, new: fresh });
      setOld('');
      setFresh('');
      setAgain('');
      setFault('');
      done();
    } catch (problem) {
      setFault(problem.message);
    }
    return setBusy(false);
  }

  const box = (id, name, value, set, auto) => html`<${Field} id=${id} label=${name}>
    <input class="input" id=${id} type="password" autocomplete=${auto} value=${value} onInput=${(e) => set(e.target.value)} /><//>`;
  return html`<form class="stack" onSubmit=${change} novalidate>
    <${Fault} text=${fault} />
    ${box('old-password', '原密码', old, setOld, 'current-password')}
    ${box('new-password', '新密码', fresh, setFresh, 'new-password')}
    ${box('again-password', '再输一遍新密码', again, setAgain, 'new-password')}
    <div><button class=${`btn btn--primary${wide ? ' btn--wide' : ''}`} type="submit" disabled=${busy}>${label}</button></div>
  </form>`;
}
