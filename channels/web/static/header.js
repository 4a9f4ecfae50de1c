/** The window's head: who answers, 转人工 in its one place, large type, and what is behind 更多. */
import { fill, h, say } from './dom.js';
import { icon, mark } from './icons.js';

/**
 * @param {{ w: any, inline: boolean, act: Record<string, () => void> }} parts
 *   act: human, showQueue, write, elder, theme, locale, resume, end, fold
 */
export function makeHeader({ w, inline, act }) {
  const title = h('h2', { id: 'title', lang: 'zh-CN' }, w.name);
  const who = h('p', { class: 'chat__who' });
  const human = h('button', { class: 'btn btn--human btn--sm to-human', type: 'button', onclick: () => pressed() });
  const size = h('button', { class: 'btn btn--plain btn--icon to-size', type: 'button', 'aria-label': w.biggerLabel, onclick: act.elder }, w.bigger);
  const standard = h('button', { class: 'btn btn--sm elder-back', type: 'button', onclick: act.elder }, w.standard);
  const more = h('button', { class: 'btn btn--plain btn--icon to-more', type: 'button', 'aria-expanded': 'false', 'aria-controls': 'menu', 'aria-label': w.more, onclick: () => toggle() },
    icon('more', 'icon-only'), h('span', { class: 'elder-word', 'aria-hidden': 'true' }, w.more));
  const fold = h('button', { class: 'btn btn--plain btn--icon to-fold', type: 'button', 'aria-label': inline ? w.back : w.fold, onclick: act.fold }, icon(inline ? 'up' : 'down'));
  const theme = h('button', { class: 'btn btn--quiet', type: 'button', onclick: act.theme });
  const end = h('button', { class: 'btn btn--quiet', type: 'button', onclick: () => { toggle(false); act.end(); } }, icon('leave'), w.end);
  const menu = h('div', { class: 'chat__menu', id: 'menu', hidden: true },
    h('button', { class: 'btn btn--quiet', type: 'button', onclick: act.locale, lang: w.otherLanguage === 'English' ? 'en' : 'zh-CN' }, icon('globe'), w.otherLanguage),
    theme, h('button', { class: 'btn btn--quiet to-resume', type: 'button', onclick: () => { toggle(false); act.resume(); } }, icon('device'), w.resume), end, h('p', { class: 'tiny' }, w.endHint));
  const head = h('div', { class: 'chat__head' }, mark(), h('div', { class: 'chat__id' }, title, who),
    h('div', { class: 'chat__tools' }, human, size, standard, more, fold));

  let stage = 'bot';

  function pressed() {
    if (stage === 'waiting') act.showQueue();
    else if (stage === 'agent') act.write();
    else act.human();
  }

  function toggle(open = menu.hidden) {
    menu.hidden = !open;
    more.setAttribute('aria-expanded', String(open));
  }

  /** The place keeps its element through all stages, so that the focus on it is never lost. */
  function place(state, asking, barred) {
    human.hidden = barred;
    human.classList.toggle('is-on', stage !== 'bot');
    human.removeAttribute('aria-label');
    if (stage === 'waiting') {
      fill(human, lines(w.queued, state.position ? w.place(state.position) : ''));
      human.setAttribute('aria-label', [w.queued, state.position && w.place(state.position), w.showQueue].filter(Boolean).join(' '));
    } else if (stage === 'agent') {
      fill(human, lines(w.humanShort, w.connected));
      human.setAttribute('aria-label', [w.humanShort, w.connected, w.agent(state.agent)].join(' '));
    } else fill(human, icon('person'), asking ? w.asking : w.human);
  }

  return {
    node: head,
    menu,
    human,
    closeMenu() {
      if (menu.hidden) return false;
      toggle(false);
      more.focus();
      return true;
    },
    update({ state, asking, dark, open, barred }) {
      stage = state.stage === 'waiting' || state.stage === 'agent' ? state.stage : 'bot';
      const agent = stage === 'agent';
      fill(who, h('span', { class: agent ? 'tag tag--human' : 'tag tag--brand' }, agent ? w.agent(state.agent) : w.machine));
      place(state, asking, barred);
      fill(theme, icon(dark ? 'sun' : 'moon'), dark ? w.toLight : w.toDark);
      end.hidden = !open;
      end.nextSibling.hidden = !open;
      say(title, w.name);
    },
  };
}

function lines(upper, lower) {
  return h('span', { class: 'two-lines' }, h('span', null, upper), ' ', lower && h('small', null, lower));
}
