/** Two texts beside each other, field by field, with what is gone and what is new marked in words and colour. */
import { html } from './preact.js';

export function Diff({ changes, before, after }) {
  if (!changes.length) return html`<p class="muted">内容没有变化</p>`;
  return html`<div class="diff" role="table" aria-label="对照">
    <div class="diff__row diff__row--head" role="row"><span role="columnheader">字段</span><span role="columnheader">${before}</span><span role="columnheader">${after}</span></div>
    ${changes.map((c) => html`<div class="diff__row" role="row" key=${c.field}><span role="rowheader">${c.label}</span>
      <p class="said" role="cell">${side(c.pieces, 'gone')}</p><p class="said" role="cell">${side(c.pieces, 'new')}</p></div>`)}
  </div>`;
}

function side(pieces, kind) {
  const shown = pieces.filter((p) => p.kind === 'same' || p.kind === kind);
  if (!shown.length) return html`<span class="muted">没有</span>`;
  return shown.map((p) => (p.kind === 'same' ? p.text : kind === 'gone' ? html`<del>${p.text}</del>` : html`<ins>${p.text}</ins>`));
}
