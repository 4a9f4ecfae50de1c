/** The staff's pages: who is signed in, which page, and the seat that outlives the page. */
import { AccountsPage } from './accounts.js';
import { BoardPage } from './board.js';
import { DeskPage } from './deskpage.js';
import { FiguresPage } from './figures.js';
import { Frame } from './frame.js';
import { LearningPage } from './learning.js';
import { html, render, useEffect, useState } from './preact.js';
import { ENDED, read, remove } from './rest.js';
import { allowSound, callFor, electRinger } from './ring.js';
import { Seat, forgetDrafts } from './seat.js';
import { KnowledgePage } from './knowledge.js';
import { OwnPage } from './own.js';
import { SETTING_RIGHTS, SettingsPage } from './settings.js';
import { MustChange, SignIn } from './signin.js';
import { TicketsPage } from './tickets.js';
import { loadPlace } from './place.js';

/** In the order of the menu; `right` as the server names it, or several of which one is enough. */
const PAGES = [
  { path: '/console', name: '坐席', right: 'serve', draw: DeskPage },
  { path: '/console/tickets', name: '工单', right: 'serve', draw: TicketsPage },
  { path: '/console/board', name: '班长', right: 'supervise', draw: BoardPage },
  { path: '/console/knowledge', name: '知识', right: 'edit', draw: KnowledgePage },
  { path: '/console/learning', name: '学习', right: 'edit', draw: LearningPage },
  { path: '/console/figures', name: '数据', right: ['measure', 'serve'], draw: FiguresPage },
  { path: '/console/accounts', name: '账号', right: 'manage', draw: AccountsPage },
  { path: '/console/settings', name: '设置', right: SETTING_RIGHTS, draw: SettingsPage },
  { path: '/console/own', name: '我的账号', right: null, draw: OwnPage },
];

const HIDDEN = 250; // milliseconds

function Console() {
  const [me, setMe] = useState(undefined);
  const [reason, setReason] = useState('');

  useEffect(() => {
    load();
    addEventListener(ENDED, ended);
    return () => removeEventListener(ENDED, ended);
  }, []);

  async function load() {
    try {
      setMe(await read('/session'));
    } catch (problem) {
      setMe(problem.code === 'password_change_required' ? { must_change: true, username: '' } : null);
      setReason(problem.status === 0 ? problem.message : '');
    }
  }

  async function leave() {
    await remove('/session').catch(() => {});
    forgetDrafts();
    setReason('您已退出登录。');
    setMe(null);
  }

  function ended() {
    setReason('登录已过期，请重新登录。');
    setMe(null);
  }

  if (me === undefined) return html`<p class="sheet muted" role="status">正在打开工作台</p>`;
  if (me === null) return html`<${SignIn} done=${setMe} reason=${reason} />`;
  if (me.must_change) return html`<${MustChange} done=${load} leave=${leave} />`;
  return html`<${Signed} me=${me} leave=${leave} ended=${ended} reload=${load} />`;
}

function Signed({ me, leave, ended, reload }) {
  const pages = PAGES.filter((p) => !p.right || [p.right].flat().some((right) => me.rights.includes(right)));
  const [path, setPath] = useState(location.pathname);
  const seat = useSeat(me, ended);
  useEffect(() => {
    const moved = () => setPath(location.pathname);
    addEventListener('popstate', moved);
    return () => removeEventListener('popstate', moved);
  }, []);

  function go(to) {
    history.pushState(null, '', to);
    setPath(to);
  }

  const page = pages.find((p) => p.path === path) ?? pages[0];
  return html`<${Frame} me=${me} pages=${pages} page=${page} go=${go} seat=${seat} leave=${leave}>
    <${page.draw} me=${me} seat=${seat} go=${go} reload=${reload} />
  <//>`;
}

/** One seat as long as somebody is signed in who may serve. */
function useSeat(me, ended) {
  const [seat] = useState(() => (me.rights.includes('serve') ? new Seat() : null));
  const [, draw] = useState(0);
  useEffect(() => {
    if (!seat) return undefined;
    loadPlace();
    electRinger();
    addEventListener('pointerdown', allowSound);
    addEventListener('keydown', allowSound);
    // A hundred messages come as a hundred frames: they are drawn as one picture. A hidden page gets no pictures.
    let due = false;
    const paint = () => {
      due = false;
      draw((n) => n + 1);
    };
    seat.listeners.add(() => {
      callFor(seat.desk.offers);
      if (seat.desk.link === 'signed_out') ended();
      if (!due) (document.hidden ? (act) => setTimeout(act, HIDDEN) : requestAnimationFrame)(paint);
      due = true;
    });
    const stop = seat.start(me);
    return () => {
      seat.listeners.clear();
      stop();
      callFor([]);
      removeEventListener('pointerdown', allowSound);
      removeEventListener('keydown', allowSound);
    };
  }, []);
  return seat;
}

render(html`<${Console} />`, document.getElementById('console'));
