/** The keys of the desk, as the dialog shows them. */
import { Dialog } from './dialog.js';
import { html } from './preact.js';

const KEYS = [
  ['Alt A', '接入新会话'], ['Alt X', '不接这个会话'], ['Alt ↓ / Alt ↑', '下一个、上一个会话'], ['Alt R', '写回复'], ['Alt N', '写内部备注'],
  ['Alt 1 / 2 / 3', '取第几条推荐答复来改'], ['/', '常用语（回复框空着时）'], ['Alt S', '查知识库'], ['Alt T', '转接'], ['Alt Q', '结束会话'],
  ['Enter', '发送'], ['Shift Enter', '换行'], ['Esc', '收起窗口'], ['? 或 Alt /', '看快捷键'],
];

export function KeysDialog({ close }) {
  return html`<${Dialog} title="快捷键" close=${close}><dl class="keys">${KEYS.map(([key, does]) => html`<dt key=${key}><span class="kbd">${key}</span></dt><dd>${does}</dd>`)}</dl><//>`;
}

/** Whether a key pressed there writes something. */
export function isWriting(node) {
  return node instanceof HTMLElement && (node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName));
}
