/** Beside the greeting: notices in force and what people often ask, from the station's public JSON. */
import { fill, h } from './dom.js';
import { icon } from './icons.js';
import { ask } from './poll.js';

/** The station's JSON, or null; the window does without. */
export async function fetchStation(base) {
  const answer = await ask({ fetch: (...args) => fetch(...args) }, `${base}/api/v1/station`, {});
  return answer.status === 200 && answer.body && typeof answer.body === 'object' ? answer.body : null;
}

/** Notices whose day has not passed. `until` is a date (that day counts) or a time. */
export function valid(notices, now = Date.now()) {
  return rows(notices).filter(({ text, until }) => {
    if (!text) return false;
    const end = Date.parse(/^\d{4}-\d\d-\d\d$/.test(until ?? '') ? `${until}T23:59:59+08:00` : until);
    return Number.isNaN(end) || end >= now;
  });
}

/** A row for each question; pressing it asks. */
export function questions(list, onask) {
  return h('ul', { class: 'rows', lang: 'zh-CN' }, rows(list).map((q) =>
    h('li', null, h('button', { type: 'button', onclick: () => onask(String(q)) }, h('span', null, q), icon('right')))));
}

export function notice({ text, kind }) {
  const urgent = kind === 'emergency';
  return h('p', { class: urgent ? 'note note--danger' : 'note note--info', lang: 'zh-CN' }, icon(urgent ? 'warn' : 'info'), h('span', null, text));
}

/** @param {HTMLElement} root @param {any} station @param {{ w: any, onask: (q: string) => void }} parts */
export function drawWelcome(root, station, { w, onask }) {
  const hot = rows(station?.hot).slice(0, 5);
  // What is urgent stands in the greeting already.
  fill(root, valid(station?.notices).filter((n) => n.kind !== 'emergency').map(notice),
    hot.length > 0 && h('section', { class: 'letter', 'aria-label': w.hot }, h('h3', { class: 'kicker' }, w.hot), questions(hot, onask)));
}

export function rows(value) {
  return Array.isArray(value) ? value.filter(Boolean) : [];
}
