/** How long something lasts, counted by the second; only these few words are drawn anew each second. */
import { seconds, span, urgency } from './clock.js';
import { html, useEffect, useState } from './preact.js';

const listeners = new Set();
let timer = 0;

/** The time now, each second. */
export function useNow() {
  const [now, set] = useState(Date.now());
  useEffect(() => {
    listeners.add(set);
    timer ||= setInterval(() => listeners.forEach((tell) => tell(Date.now())), 1000);
    return () => {
      listeners.delete(set);
      if (!listeners.size) timer = clearInterval(timer) ?? 0;
    };
  }, []);
  return now;
}

/** A live waiting time, coloured and named when it is long. */
export function Since({ at, plain = false, name = 'when' }) {
  const total = seconds(at, useNow());
  const how = plain ? '' : urgency(total);
  return html`<span class=${`${name} num${how ? ` when--${how}` : ''}`}>${span(total)}</span>`;
}

export function Left({ until, whole, children }) {
  const left = Math.max(0, Math.ceil((Date.parse(until) - useNow()) / 1000));
  return html`${children(Number.isFinite(left) ? left : whole)}`;
}
