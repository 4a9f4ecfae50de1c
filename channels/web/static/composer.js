/** Where the citizen writes: grows with the words, counts near the limit, keeps what could not be sent. */
import { h, say } from './dom.js';
import { icon } from './icons.js';
import { canListen, listen } from './microphone.js';

const LIMIT = 500;
const NEAR = 400;
const ROWS = 5;
const TYPING_EVERY = 3000;

/** As the server counts: code points, not the halves of an emoji. */
export function length(text) {
  return [...text].length;
}

/** @param {{ w: any, onsend: (text: string) => void, ontyping: () => void, where: () => { base: string, id: string, token: string } }} parts */
export function makeComposer({ w, onsend, ontyping, where }) {
  const error = h('p', { class: 'error', id: 'composer-error', role: 'alert', hidden: true });
  const count = h('p', { class: 'composer__count', hidden: true });
  const area = h('textarea', {
    id: 'say', rows: '1', autocomplete: 'off', enterkeyhint: 'send', placeholder: w.placeholder,
    'aria-describedby': 'composer-error composer-foot',
    oninput: () => input(), onkeydown: (event) => key(event),
  });
  const mic = h('button', { class: 'btn btn--icon', type: 'button', 'aria-label': w.speak, 'aria-pressed': 'false', onclick: () => speak() }, icon('mic'));
  const hearing = h('p', { class: 'composer__heard', role: 'status', hidden: true });
  const box = h('div', { class: 'composer__box' }, area, mic,
    h('button', { class: 'btn btn--primary btn--icon', type: 'submit', 'aria-label': w.send }, icon('send')));
  const node = h('form', { class: 'composer', novalidate: true, onsubmit: (event) => { event.preventDefault(); send(); } },
    error, h('label', { class: 'vh', for: 'say' }, w.ask), box, hearing, count,
    h('p', { class: 'composer__foot', id: 'composer-foot' }, w.noSecrets));
  let typed = 0;
  let ear = null;

  /** Pressed once it listens, pressed again it has heard; the words wait to be changed and sent. */
  async function speak() {
    if (ear) return ear.stop();
    if (!canListen()) return show(w.speakInsecure);
    const before = area.value;
    show('');
    pressed(true);
    const mine = { stop: () => {} };
    ear = mine;
    try {
      Object.assign(mine, await listen({
        ...where(),
        on: {
          words: (text) => {
            if (ear !== mine) return;
            area.value = [...before + text].slice(0, LIMIT).join('');
            input(false);
          },
          error: () => show(w.speakUnable),
          over: () => ear === mine && pressed(false),
        },
      }));
    } catch (error) {
      pressed(false);
      show(error?.name === 'NotAllowedError' || error?.name === 'NotFoundError' ? w.speakDenied : w.speakUnable);
    }
  }

  function pressed(on) {
    if (!on) ear = null;
    mic.setAttribute('aria-pressed', String(on));
    mic.setAttribute('aria-label', on ? w.speakStop : w.speak);
    hearing.hidden = !on;
    say(hearing, on ? w.speaking : '');
    if (!on) area.focus();
  }

  function send() {
    ear?.stop();
    if (ear) pressed(false);
    const text = area.value.trim();
    if (!text) return show(w.errors.empty);
    if (length(text) > LIMIT) return show(w.errors.too_long);
    area.value = '';
    input(false);
    onsend(text);
  }

  function input(typing = true) {
    show('');
    grow();
    const left = LIMIT - length(area.value.trim());
    count.hidden = left > LIMIT - NEAR;
    count.classList.toggle('is-over', left < 0);
    say(count, count.hidden ? '' : w.left(left));
    if (!typing || !area.value || Date.now() - typed < TYPING_EVERY) return;
    typed = Date.now();
    ontyping();
  }

  /** By rows, since a height of its own would be an inline style. */
  function grow() {
    area.rows = 1;
    while (area.rows < ROWS && area.scrollHeight > area.clientHeight + 2) area.rows += 1;
  }

  function key(event) {
    // 229: an input method is composing; some of them do not set `isComposing`.
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  }

  function show(message) {
    error.hidden = !message;
    say(error, message);
    box.classList.toggle('is-wrong', Boolean(message));
  }

  return {
    node,
    show,
    focus: () => area.focus(),
    get text() {
      return area.value;
    },
    set text(value) {
      area.value = value;
      input(false);
    },
    /** Gives words back that were not taken; false when newer words stand there. */
    giveBack(text) {
      if (area.value.trim()) return false;
      area.value = text;
      input(false);
      return true;
    },
    placeholder(text) {
      area.placeholder = text;
    },
  };
}
