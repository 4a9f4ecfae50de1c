/** Draws the transcript into the log: each line once, kept while it stays the same. */
import { makeForm } from './form.js';
import { h, say } from './dom.js';
import { choices, letter } from './letter.js';
import { makeRate } from './rate.js';
import { notice } from './welcome.js';

// A pause after which people look at the clock.
const PAUSE = 15 * 60 * 1000;
const ZONE = 'Asia/Shanghai';

export class Log {
  /** @param {HTMLElement} root @param {any} scene w, act, done, agent() */
  constructor(root, scene) {
    this.root = root;
    this.scene = scene;
    /** @type {Map<string, { node: HTMLElement, mark: string, update: (line: any) => void }>} */
    this.drawn = new Map();
  }

  /** Forgets everything drawn. */
  clear() {
    this.root.replaceChildren();
    this.drawn.clear();
  }

  /** @param {any[]} lines @returns {{ node: HTMLElement, party: string }[]} what is new, in order */
  sync(lines) {
    const fresh = [];
    const seen = new Set();
    let at = this.root.firstElementChild;
    lines.forEach((line, n) => {
      const before = lines[n - 1]?.message;
      const clock = stamp(line.message, before, this.scene.w);
      const mark = JSON.stringify([line.message.text, line.message.recalled, before?.party === 'agent', clock]);
      let entry = this.drawn.get(line.key);
      if (!entry || entry.mark !== mark) {
        const next = { ...this.#draw(line, before, clock, n === lines.length - 1), mark };
        if (entry) entry.node.replaceWith(next.node);
        else fresh.push({ node: next.node, party: line.message.party });
        if (entry && at === entry.node) at = next.node;
        this.drawn.set(line.key, (entry = next));
      }
      entry.update(line);
      if (at === entry.node) at = at.nextElementSibling;
      else this.root.insertBefore(entry.node, at);
      seen.add(line.key);
    });
    for (const [key, entry] of this.drawn) {
      if (seen.has(key)) continue;
      entry.node.remove();
      this.drawn.delete(key);
    }
    return fresh;
  }

  #draw(line, before, clock, last) {
    const { message } = line;
    const { w } = this.scene;
    const parts = [clock && h('p', { class: 'stamp num' }, clock)];
    let update = (_line) => {};
    if (message.recalled) parts.push(divider(w.recalled, w));
    else if (message.party === 'citizen') {
      const mine = this.#mine(line);
      parts.push(mine.node);
      update = mine.update;
    } else {
      if (message.card?.kind === 'notice') parts.push(notice({ text: message.text, kind: message.card.notice }));
      else if (message.party === 'system') parts.push(divider(message.text, w));
      else if (message.party === 'agent') parts.push(this.#agent(message, before));
      else parts.push(h('article', { class: 'msg msg--bot' }, h('p', { class: 'vh' }, w.bot), letter(message, this.scene)));
      parts.push(this.#extra(message, last));
    }
    return { node: h('div', { class: 'line' }, parts), update };
  }

  #mine(line) {
    const { w, act } = this.scene;
    const word = h('span');
    // Changes of a state are for the eye: the log announces additions only.
    const state = h('p', { class: 'msg__state', 'aria-live': 'off' }, word);
    const again = h('button', { class: 'btn btn--sm', type: 'button', onclick: () => act.again(line.message) }, w.again);
    const node = h('article', { class: 'msg msg--me' }, h('p', { class: 'vh' }, w.me), h('p', { class: 'bubble', lang: 'zh-CN' }, line.message.text), state, again);
    return {
      node,
      update({ delivery }) {
        state.hidden = !delivery;
        again.hidden = delivery !== 'failed';
        node.classList.toggle('is-sending', delivery === 'sending');
        say(word, { sending: w.sending, delivered: w.delivered, read: w.read, failed: w.unsent }[delivery] ?? '');
      },
    };
  }

  #agent(message, before) {
    const { w } = this.scene;
    const agent = message.agent ?? this.scene.agent() ?? {};
    const name = w.agent(agent);
    const who = before?.party === 'agent'
      ? h('p', { class: 'vh' }, name)
      : h('p', { class: 'msg__who' }, h('span', { class: 'avatar', 'aria-hidden': 'true' }, [...(agent.name || w.humanShort)][0]), name);
    return h('article', { class: 'msg msg--agent' }, who, h('p', { class: 'bubble', lang: 'zh-CN' }, message.text));
  }

  /** What people do beside reading: choices outside a letter, the message form, the rating. */
  #extra(message, last) {
    const { w, act, done } = this.scene;
    const { card } = message;
    const settled = done.get(message.seq) !== undefined;
    return [
      message.party !== 'bot' && choices(message, '', this.scene),
      card?.kind === 'form' && card.form === 'message' && makeForm({ w, card, settled, open: last, onsend: (values, on) => act.form(message.seq, values, on) }),
      card?.kind === 'rate' && makeRate({ w, card, settled, onsend: (values, on) => act.rate(message.seq, values, on), onskip: () => act.settle(message.seq) }),
    ];
  }
}

function divider(text, w) {
  return h('p', { class: 'divider', lang: 'zh-CN' }, h('span', null, h('span', { class: 'vh' }, `${w.system} `), text));
}

/** The clock above a line, where the talk paused; a talk that has just begun needs none. */
function stamp(message, before, w) {
  const at = Date.parse(message.at);
  if (Number.isNaN(at)) return '';
  const paused = before ? at - Date.parse(before.at) > PAUSE : Date.now() - at > PAUSE;
  return paused ? clockWords(at, w) : '';
}

function clockWords(at, w) {
  const day = (time) => new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, month: 'long', day: 'numeric' }).format(time);
  const time = new Intl.DateTimeFormat('zh-CN', { timeZone: ZONE, hour: '2-digit', minute: '2-digit', hour12: false }).format(at);
  return `${day(at) === day(Date.now()) ? w.today : day(at)} ${time}`;
}
