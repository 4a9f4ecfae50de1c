/** The hall in one line, for supervisors at their own desk. */
import { span, urgency } from './clock.js';
import { html } from './preact.js';
import { useWatched } from './watching.js';

const EVERY = 5000;

export function Strip({ go }) {
  const [board] = useWatched('/desk/board', EVERY);
  if (!board) return html`<aside class="strip hide-s" aria-label="班长一览"></aside>`;
  const wait = board.longest_wait_seconds ?? 0;
  return html`<aside class="strip hide-s" aria-label="班长一览">
    <dl>
      <div><dt>排队</dt><dd>${board.waiting}</dd></div>
      <div><dt>最长等待</dt><dd class=${urgency(wait) === 'late' ? 'late' : ''}>${span(Math.round(wait))}</dd></div>
      <div><dt>接待中</dt><dd>${board.serving}</dd></div>
      <div><dt>在线坐席</dt><dd>${board.online}</dd></div>
      <div><dt>空位</dt><dd>${board.free}</dd></div>
    </dl>
    <div class="row"><button class="btn btn--sm" type="button" onClick=${() => go('/console/board')}>看板与监控</button></div>
  </aside>`;
}
