/** How a draft stands, as the staff read it. */
import { html } from './preact.js';

export const STATES = { draft: '草稿', in_review: '待审核', approved: '已批准', rejected: '已退回' };
const LOOKS = { draft: 'tag--warn', in_review: 'tag--brand', approved: 'tag--human', rejected: 'tag--danger' };

export function stateName(entry) {
  if (entry.removed) return entry.state === 'approved' ? '批准删除' : '待删除';
  if (entry.is_live) return entry.state === 'approved' ? '已发布' : '待复核';
  return entry.pending ? '已批准，待发布' : STATES[entry.state];
}

export function StateTag({ entry }) {
  return html`<span class=${`tag ${entry.is_live && entry.state !== 'approved' ? 'tag--danger' : LOOKS[entry.state]}`}>${stateName(entry)}</span>`;
}
