/** A dialog over the page: the browser keeps the focus inside and gives it back; Esc closes. */
import { Icon } from './icons.js';
import { html, useEffect, useRef } from './preact.js';

export function Dialog({ title, close, wide = false, children }) {
  const box = useRef(null);
  useEffect(() => {
    const node = box.current;
    if (!node.open) node.showModal();
    return () => node.open && node.close();
  }, []);
  return html`<dialog class=${wide ? 'dialog dialog--wide' : 'dialog'} ref=${box} aria-labelledby="dialog-title" onClose=${close}>
    <header class="dialog__head"><h2 id="dialog-title">${title}</h2>
      <button class="btn btn--plain btn--icon" type="button" aria-label="关闭" onClick=${close}><${Icon} name="close" /></button></header>
    <div class="dialog__in">${children}</div>
  </dialog>`;
}

/** A sentence of error, said once it appears. */
export function Fault({ text }) {
  return html`<p class="error" role="alert">${text ? html`<${Icon} name="warn" />${text}` : null}</p>`;
}

/** A label over its input. `hint` and `fault` are told with it. */
export function Field({ id, label, hint, fault, children }) {
  return html`<div class="field"><label for=${id}>${label}</label>
    ${hint ? html`<p class="hint" id=${`${id}-hint`}>${hint}</p>` : null}
    ${fault ? html`<p class="error" id=${`${id}-fault`}><${Icon} name="warn" />${fault}</p>` : null}
    ${children}</div>`;
}
