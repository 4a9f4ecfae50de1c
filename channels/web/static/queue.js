/** The card of one who waits for a person: place, wait, and the ways out. */
import { fill, h, say } from './dom.js';

const MANY = 8;
// A place that changes every few seconds must not be read out every few seconds.
const SPEAK_EVERY = 60000;

/** @param {{ w: any, onleave: () => void, onmessage: () => void }} parts */
export function makeQueue({ w, onleave, onmessage }) {
  const title = h('h3', { class: 'card-title', tabindex: '-1', id: 'queue-title' }, w.queueTitle);
  const top = h('div', { class: 'queue__top' });
  const people = h('p', { class: 'people', 'aria-hidden': 'true' });
  const node = h('section', { class: 'queue', 'aria-labelledby': 'queue-title', hidden: true }, title, top, people,
    h('p', null, w.queueHint),
    h('div', { class: 'row' },
      h('button', { class: 'btn btn--human grow', type: 'button', onclick: onmessage }, w.leaveMessage),
      h('button', { class: 'btn grow', type: 'button', onclick: onleave }, w.leaveQueue)));
  const voice = h('p', { class: 'vh', role: 'status' });
  let spoken = 0;
  let shown = '';

  return {
    node,
    voice,
    focus() {
      node.scrollIntoView({ block: 'nearest' });
      title.focus();
    },
    /** @param {{ stage: string, position?: number, wait_seconds?: number }} state */
    update(state) {
      const waiting = state.stage === 'waiting';
      node.hidden = !waiting;
      if (!waiting) {
        spoken = 0;
        shown = '';
        return say(voice, '');
      }
      const place = state.position || 0;
      const wait = state.wait_seconds > 0 ? Math.max(1, Math.round(state.wait_seconds / 60)) : 0;
      const sentence = w.announce(place, wait);
      if (sentence !== shown) {
        shown = sentence;
        fill(top, place > 0 && figure(w.ordinal(place), w.yourPlace), wait > 0 && figure(w.minutes(wait), w.yourWait));
        fill(people, place > 0 && place <= MANY && [...Array(place - 1)].map(() => h('i')), place > 0 && place <= MANY && [h('i', { class: 'me' }), h('span', null, w.here)]);
      }
      if (Date.now() - spoken < SPEAK_EVERY) return;
      spoken = Date.now();
      say(voice, sentence);
    },
  };
}

function figure([before, number, after], label) {
  return h('p', null, h('b', null, before && h('small', null, before), number, after && h('small', null, after)), label);
}
