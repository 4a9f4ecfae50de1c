/** Charts in plain SVG: nothing to load, nothing inline, and each with its table for those who do not see it. */
import { Table } from './board.js';
import { html, useState } from './preact.js';

const W = 720;
const H = 236;
const LEFT = 44;
const TOP = 12;
const BOTTOM = 208;

/** A frame with a title; 看表格 shows the same numbers as rows. */
export function Chart({ title, note, kind = '', head, rows, children }) {
  const [table, setTable] = useState(false);
  return html`<figure class=${`card chart ${kind}`}><header><h2>${title}</h2>${note ? html`<span class="small muted">${note}</span>` : null}
      <button class="btn btn--quiet btn--sm" type="button" aria-pressed=${table ? 'true' : 'false'} onClick=${() => setTable(!table)}>${table ? '看图' : '看表格'}<span class="vh">：${title}</span></button></header>
    ${table ? html`<${Table} label=${title} head=${head}>${rows.map((row, n) => html`<tr key=${n}>${row.map((value, m) => html`<td key=${m} class=${m ? 'num r' : ''}>${value}</td>`)}</tr>`)}<//>` : children}</figure>`;
}

/** @param {{ points: { label: string, value: number }[], name: string }} told */
export function Line({ points, name }) {
  const most = ceiling(Math.max(0, ...points.map((p) => p.value)));
  const x = (n) => LEFT + (points.length < 2 ? 0 : (n * (W - LEFT - 24)) / (points.length - 1));
  const y = (value) => BOTTOM - (value / most) * (BOTTOM - TOP);
  const every = Math.max(1, Math.ceil(points.length / 12));
  const top = points.reduce((best, p, n) => (p.value > points[best].value ? n : best), 0);
  return html`<svg class="plot" viewBox=${`0 0 ${W} ${H}`} role="img" aria-label=${`${name}，最多 ${points[top]?.label ?? ''} ${points[top]?.value ?? 0}`}>
    ${[0, 1, 2, 3, 4].map((n) => html`<g key=${n}><path class="grid" d=${`M${LEFT} ${y((most * n) / 4)}H${W}`} /><text x=${LEFT - 8} y=${y((most * n) / 4) + 4} text-anchor="end">${(most * n) / 4}</text></g>`)}
    <polyline class="l1" points=${points.map((p, n) => `${x(n)},${y(p.value)}`).join(' ')} />
    ${points.map((p, n) => html`<g key=${p.label}>${points.length < 40 ? html`<circle class="f1" cx=${x(n)} cy=${y(p.value)} r="3"><title>${p.label}：${p.value}</title></circle>` : null}${n % every ? null : html`<text x=${x(n)} y=${H - 8} text-anchor="middle">${p.label}</text>`}</g>`)}
  </svg>`;
}

/** Rows of one length each. @param {{ bars: { label: string, value: number, hot?: boolean, shown?: string }[] }} told */
export function Bars({ bars, name, of = 0 }) {
  const most = of || Math.max(1, ...bars.map((b) => b.value));
  const height = Math.max(1, bars.length) * 32;
  return html`<svg class="plot" viewBox=${`0 0 480 ${height}`} role="img" aria-label=${`${name}：${bars.map((b) => `${b.label} ${b.shown ?? b.value}`).join('，')}`}>
    ${bars.map((b, n) => html`<g key=${b.label}><title>${b.label}：${b.shown ?? b.value}</title><text x="176" y=${n * 32 + 20} text-anchor="end">${cut(b.label)}</text>
      <rect class=${b.hot ? 'hot' : 'f1'} x="186" y=${n * 32 + 7} width=${Math.max(1, (b.value / most) * 230)} height="18" rx="2" /><text class="strong" x=${194 + (b.value / most) * 230} y=${n * 32 + 20}>${b.shown ?? b.value}</text></g>`)}</svg>`;
}

/** Days as rows of shares. @param {{ rows: { label: string, parts: number[] }[], names: string[] }} told */
export function Shares({ rows, names, name }) {
  const height = Math.max(1, rows.length) * 28;
  return html`<svg class="plot" viewBox=${`0 0 600 ${height}`} role="img" aria-label=${name}>${rows.map((row, n) => {
    const sum = row.parts.reduce((a, b) => a + b, 0);
    let at = 60;
    return html`<g key=${row.label}><text x="50" y=${n * 28 + 18} text-anchor="end">${row.label}</text>${row.parts.map((part, m) => {
      const width = sum ? (part / sum) * 480 : 0;
      const node = html`<rect key=${m} class=${`f${m + 1}`} x=${at} y=${n * 28 + 5} width=${Math.max(0, width - 2)} height="18" rx="1"><title>${row.label} ${names[m]}：${part}</title></rect>`;
      at += width;
      return node;
    })}<text class="strong" x="550" y=${n * 28 + 18}>${sum ? `${Math.round((100 * row.parts[0]) / sum)}%` : '—'}</text></g>`;
  })}</svg>
  <ul class="legend">${names.map((label, n) => html`<li key=${label}><svg viewBox="0 0 14 10" aria-hidden="true"><rect class=${`f${n + 1}`} width="14" height="10" rx="2" /></svg>${label}</li>`)}</ul>`;
}

/** A round number of four steps above. */
export function ceiling(most) {
  if (most <= 4) return 4;
  const step = 10 ** Math.floor(Math.log10(most));
  const found = [1, 2, 4, 8, 10].find((n) => n * step >= most && (n * step) % 4 === 0);
  return found ? found * step : Math.ceil(most / (4 * step)) * 4 * step;
}

function cut(label) {
  return [...label].length > 13 ? `${[...label].slice(0, 12).join('')}…` : label;
}
