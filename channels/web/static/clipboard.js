/** Puts text on the clipboard. */
import { h } from './dom.js';

/** The clipboard is missing on plain http: then the old way, beside the button. */
export async function copyText(text, beside) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h('textarea', { class: 'vh', readonly: true, 'aria-hidden': 'true', tabindex: '-1', value: text });
    beside.after(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    beside.focus();
    return copied;
  }
}
