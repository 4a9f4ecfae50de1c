/** The window drawn from a talk: head, banner, log, what follows the log, and the composer. */
import { readAloud } from './aloud.js';
import { makeComposer } from './composer.js';
import { fill, h, say } from './dom.js';
import { Log } from './draw.js';
import { makeForm } from './form.js';
import { makeHeader } from './header.js';
import { icon } from './icons.js';
import { makeQueue } from './queue.js';
import { makeResume } from './resume.js';
import { lines } from './transcript.js';
import { drawWelcome } from './welcome.js';
import { errorWords } from './words.js';

// Nearer to the end than this, the reader follows the talk.
const NEAR = 64;

export class View {
  /** @param {{ w: any, inline: boolean, talk: import('./talk.js').Talk, act: any }} parts act: elder, theme, locale, fold */
  constructor({ w, inline, talk, act }) {
    Object.assign(this, { w, talk, station: null, following: true });
    const ask = (text) => this.ask(text);
    this.head = makeHeader({ w, inline, act: { ...act, human: () => this.#human(), showQueue: () => this.queue.focus(), write: () => this.composer.focus(), resume: () => this.#openResume(), end: () => talk.end() } });
    this.queue = makeQueue({ w, onleave: () => talk.leaveQueue(), onmessage: () => this.#openForm() });
    this.composer = makeComposer({ w, onsend: ask, ontyping: () => talk.writing(), where: () => talk.place });
    this.banner = h('p', { class: 'banner', role: 'status' });
    this.typing = h('div', { class: 'msg', hidden: true });
    this.form = h('div', { class: 'line', hidden: true });
    this.welcome = h('div', { class: 'line', hidden: true });
    this.changed = h('p', { class: 'divider', role: 'status' });
    this.barred = h('div', { class: 'barred', hidden: true }, h('p', null, w.link.blocked),
      h('p', null, h('a', { class: 'btn btn--wide', href: `${talk.connection.base}/`, target: '_blank', rel: 'noopener noreferrer' }, w.toStation, h('span', { class: 'vh' }, w.newWindow))));
    this.logBox = h('div', { class: 'chat__lines', role: 'log', 'aria-live': 'off', 'aria-relevant': 'additions', 'aria-label': w.log });
    this.scroller = h('div', { class: 'chat__log', tabindex: '0', role: 'region', 'aria-label': w.conversation, onscroll: () => this.#scrolled() },
      w.answersInChinese && h('p', { class: 'note note--info' }, icon('info'), h('span', null, w.answersInChinese)),
      this.barred, this.changed, this.logBox, this.welcome, this.typing, this.queue.node, this.form);
    this.jump = h('button', { class: 'btn jump', type: 'button', hidden: true, onclick: () => this.toEnd() }, icon('down'), w.jump);
    this.node = h('div', { class: 'chat' }, this.head.node, this.head.menu, this.banner,
      h('div', { class: 'chat__middle' }, this.scroller, this.jump), this.queue.voice, this.composer.node);
    this.log = new Log(this.logBox, {
      w,
      act: { choose: (c, seq) => this.#choose(c, seq), feedback: (seq, helpful) => talk.feedback(seq, helpful), again: (m) => talk.again(m),
        aloud: (seq, on) => readAloud({ ...talk.place, seq, on }), form: (seq, values, on) => talk.form(seq, values, on), rate: (seq, values, on) => talk.rate(seq, values, on), settle: (seq) => talk.settle(seq) },
      done: talk.done,
      agent: () => talk.transcript.state.agent,
    });
  }

  ask(text) {
    this.composer.show('');
    // Who goes on asking does not want another conversation any more.
    if (this.form.querySelector('#resume-code')) this.form.hidden = true;
    this.talk.say(text);
    this.toEnd();
  }

  /** @param {{ elder: boolean, dark: boolean }} look */
  draw({ elder, dark }) {
    const { talk, w } = this;
    const { state } = talk.transcript;
    const follows = this.following;
    const barred = talk.link === 'blocked';
    this.head.update({ state, asking: talk.asking, dark, barred, open: Boolean(talk.transcript.messages.length) && talk.link !== 'ended' });
    this.barred.hidden = !barred;
    this.composer.node.hidden = barred;
    const idle = talk.link === 'live' || talk.link === 'idle' || barred;
    say(this.banner, idle ? '' : w.link[talk.link]);
    this.banner.className = `banner banner--${talk.link}`;
    this.composer.placeholder(state.stage === 'agent' ? w.placeholderAgent : elder ? w.placeholderElder : w.placeholder);
    const changed = talk.changed ? w[talk.changed] : '';
    if (this.changed.textContent !== changed) fill(this.changed, changed && h('span', null, changed));
    const fresh = this.log.sync(lines(talk.transcript));
    this.#drawTyping();
    this.#drawQueue(state);
    this.#drawWelcome();
    this.#follow(fresh, follows);
    // The history is not read out; what is added from now on is.
    if (talk.link === 'live' && this.logBox.getAttribute('aria-live') === 'off') setTimeout(() => this.listen(), 300);
  }

  /** From now on additions are announced. */
  listen() {
    this.logBox.setAttribute('aria-live', 'polite');
  }

  /** Another conversation stands here now. */
  clear() {
    const held = this.form.contains(this.node.getRootNode().activeElement);
    this.log.clear();
    this.form.hidden = true;
    this.logBox.setAttribute('aria-live', 'off');
    if (held) this.composer.focus();
  }

  error(error) {
    this.composer.show(errorWords(this.w, error));
  }

  toEnd() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.following = true;
  }

  /** The window changed its size: who was at the end stays there. */
  settle() {
    if (this.following) this.toEnd();
  }

  #drawTyping() {
    const { talk, w } = this;
    this.typing.hidden = !talk.typing;
    const agent = talk.typing === 'agent';
    this.typing.className = agent ? 'msg msg--agent' : 'msg msg--bot';
    if (!talk.typing) return fill(this.typing);
    if (this.typing.firstChild) return;
    fill(this.typing, h('p', { class: 'msg__state' }, agent ? w.agentTyping : w.botTyping),
      h('span', { class: 'bubble typing', 'aria-hidden': 'true' }, h('i'), h('i'), h('i')));
  }

  #drawQueue(state) {
    const root = this.node.getRootNode();
    const held = this.queue.node.contains(root.activeElement);
    this.queue.update(state);
    // The card goes away under the fingers: the nearest thing to do is writing.
    if (held && this.queue.node.hidden) this.composer.focus();
  }

  #drawWelcome() {
    const { messages } = this.talk.transcript;
    const shown = Boolean(this.station) && messages.length > 0 && !this.#begun && !messages.some((m) => m.choices?.length);
    if (shown && !this.welcome.firstChild) drawWelcome(this.welcome, this.station, { w: this.w, onask: (q) => this.ask(q) });
    this.welcome.hidden = !shown;
  }

  /** The citizen has said something. */
  get #begun() {
    const { messages, pending } = this.talk.transcript;
    return pending.length > 0 || messages.some((m) => m.party === 'citizen');
  }

  /** Whoever asks for a person wants to see what comes of it. */
  #human() {
    this.talk.human();
    this.toEnd();
  }

  #choose(choice, seq) {
    if (choice.id === 'human') return this.#human();
    this.talk.choose(choice, seq);
    this.toEnd();
  }

  /** A form that is open already is the one to fill in. */
  #openForm() {
    const open = [...this.logBox.querySelectorAll('.letter--form')].reverse().find((form) => form.querySelector('.input'));
    if (!open) this.#ask((close) => makeForm({ w: this.w, open: true, oncancel: close, onsend: (values, on) => this.talk.form(null, values, on) }));
    const form = open ?? this.form;
    form.scrollIntoView({ block: 'nearest' });
    form.querySelector('.input').focus();
  }

  #openResume() {
    this.#ask((close) => makeResume({ w: this.w, oncancel: close, onsend: (code, on) => this.talk.resume(code, on) }));
    this.form.scrollIntoView({ block: 'nearest' });
    this.form.querySelector('.input').focus();
  }

  /** A form below the log, until it is answered or put away. */
  #ask(make) {
    this.form.hidden = false;
    fill(this.form, make(() => {
      this.form.hidden = true;
      this.composer.focus();
    }));
  }

  #nearEnd() {
    const s = this.scroller;
    return s.scrollHeight - s.scrollTop - s.clientHeight < NEAR;
  }

  /** A reader at the end stays there, but a long answer is shown from its beginning. */
  #follow(fresh, follows) {
    if (fresh.some((line) => line.party === 'citizen')) return this.toEnd();
    if (!follows) {
      this.jump.hidden = !fresh.length && this.jump.hidden;
      return;
    }
    // Before anything is asked, the greeting is what is to be read.
    if (!this.#begun && this.form.hidden) return void (this.scroller.scrollTop = 0);
    const first = fresh[0]?.node;
    this.toEnd();
    if (!first || fresh.length > 3) return;
    const above = this.scroller.getBoundingClientRect().top - first.getBoundingClientRect().top;
    if (above > 0) this.scroller.scrollTop -= above + 12;
  }

  #scrolled() {
    this.following = this.#nearEnd();
    if (this.following) this.jump.hidden = true;
  }
}
