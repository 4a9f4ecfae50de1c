/** The rating (好差评): five levels with words, reasons, free text, or none. */
import { fill, h, say } from './dom.js';
import { icon } from './icons.js';
import { errorWords, words } from './words.js';

const LEVELS = [5, 4, 3, 2, 1];
let made = 0;

/**
 * @param {{ w: any, card?: any, settled?: boolean, onskip: () => void,
 *           onsend: (values: any, on: { taken(): void, refused(error: any): void }) => void }} parts
 */
export function makeRate({ w, settled = false, onsend, onskip }) {
  const root = h('section', { class: 'letter', 'aria-label': w.rateTitle });
  if (settled) return null;
  made += 1;
  const name = `rate-${made}`;
  const chosen = new Set();
  let stars = 0;

  const error = h('p', { class: 'error', role: 'alert', hidden: true });
  const reasons = h('div', { class: 'row', role: 'group', hidden: true });
  const text = h('textarea', { class: 'input', rows: '2', id: `${name}-text`, maxlength: '500' });
  const submit = h('button', { class: 'btn btn--primary grow', type: 'submit' }, w.rateSend);
  const levels = LEVELS.map((n) => h('label', { class: 'rate__level' },
    h('input', { type: 'radio', name, value: String(n), onchange: () => pick(n) }), icon(`face${n}`), h('span', null, w.stars[n])));

  function pick(n) {
    const side = n > 3 ? 'good' : 'bad';
    if (!stars || (stars > 3) !== (n > 3)) {
      chosen.clear();
      // Counted by their Chinese words, whatever language they were shown in.
      const values = words('zh-CN')[side];
      fill(reasons, w[side].map((label, at) => chip(label, values[at])));
    }
    stars = n;
    levels.forEach((level, at) => level.classList.toggle('is-on', LEVELS[at] === n));
    error.hidden = true;
    reasons.hidden = false;
    reasons.setAttribute('aria-label', n > 3 ? w.rateGood : w.rateBad);
  }

  function chip(label, value) {
    const node = h('button', { class: 'chip', type: 'button', 'aria-pressed': 'false', onclick: () => {
      if (!chosen.delete(value)) chosen.add(value);
      node.setAttribute('aria-pressed', String(chosen.has(value)));
    } }, label);
    return node;
  }

  function send(event) {
    event.preventDefault();
    if (!stars) return wrong(w.needStars);
    submit.disabled = true;
    onsend({ stars, reasons: [...chosen], text: text.value.trim() }, { taken: () => leave(w.rateDone), refused });
  }

  function refused(problem) {
    submit.disabled = false;
    wrong(errorWords(w, problem));
  }

  function wrong(sentence) {
    error.hidden = false;
    say(error, sentence);
  }

  function leave(sentence) {
    const focused = root.contains(root.getRootNode().activeElement);
    const word = h('p', { class: 'muted', tabindex: '-1' }, sentence);
    fill(root, word);
    if (focused) word.focus();
  }

  return fill(root, h('h3', { class: 'card-title', id: `${name}-title` }, w.rateTitle),
    h('form', { class: 'stack', novalidate: true, onsubmit: send },
      h('div', { class: 'rate', role: 'radiogroup', 'aria-labelledby': `${name}-title` }, levels), reasons,
      h('div', { class: 'field' }, h('label', { for: text.id }, w.rateText), text), error,
      h('div', { class: 'row' }, submit, h('button', { class: 'btn btn--plain', type: 'button', onclick: () => { onskip(); root.remove(); } }, w.rateSkip))));
}
