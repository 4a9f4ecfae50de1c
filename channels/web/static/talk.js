/** One conversation as the window sees it: the transcript, the line, and what the citizen may do. */
import { Connection } from './connection.js';
import { conversationMemory } from './memory.js';
import { newId } from './outbox.js';
import * as transcript from './transcript.js';

// A sign of typing is renewed every few seconds; without one it is over.
const TYPING_FADES = 6000;
// Quicker answers need no sign that one is coming.
const THINKING_SHOWS = 700;
const THINKING_ENDS = 10000;
// A hole that the server cannot fill must not make us reconnect for ever.
const CATCH_UP_EVERY = 5000;

export class Talk {
  /**
   * @param {{ base: string, scene: string, opening: () => object, env?: any, memory?: any,
   *           on: { changed(): void, error(error: any): void, giveBack(text: string): boolean, fresh(): void } }} parts
   */
  constructor({ base, scene, opening, on, env, memory = conversationMemory() }) {
    this.on = on;
    this.memory = memory;
    this.scene = scene;
    this.transcript = transcript.EMPTY;
    this.link = 'idle';
    this.typing = '';
    this.asking = false;
    /** Why another conversation stands here than before. @type {'' | 'restarted' | 'resumed'} */
    this.changed = '';
    /** @type {Map<string, { taken(): void, refused(error: any): void }>} frame id → the form that sent it */
    this.waiting = new Map();
    this.timers = { typing: 0, thinking: 0 };
    this.caughtUp = 0;
    this.connection = new Connection({
      base, memory, env,
      after: () => this.transcript.last,
      opening: () => ({ ...opening(), ...(scene ? { scene } : {}) }),
      on: {
        frame: (frame) => this.#frame(frame),
        refused: (frame, error) => this.#refused(frame, error),
        link: (link) => this.#link(link),
        fresh: (resumed) => this.#fresh(resumed),
      },
    });
  }

  /** A conversation is remembered here; `busy` when a person is waited for or speaking. */
  get remembered() {
    const { token, stage } = this.memory.read();
    return { token: Boolean(token), busy: Boolean(token) && (stage === 'waiting' || stage === 'agent') };
  }

  /** Where this conversation is reached, and with what. */
  get place() {
    const { base, id, token } = this.connection;
    return { base, id, token };
  }

  get seen() {
    return this.memory.read().seen ?? 0;
  }

  get unread() {
    return transcript.unread(this.transcript, this.seen);
  }

  start() {
    if (this.link !== 'idle') return;
    const { token, scene, stage } = this.memory.read();
    // A code scanned at another counter wants its own greeting, unless somebody is being waited for.
    const elsewhere = this.scene && token && scene !== this.scene && stage !== 'waiting' && stage !== 'agent';
    if (elsewhere) this.memory.forget();
    this.connection.start();
  }

  /** Goes on with the conversation of a code that was given on another device. */
  resume(code, on) {
    this.#submit({ type: 'resume', code }, null, on);
  }

  say(text) {
    const id = newId();
    this.connection.send({ type: 'say', id, text });
    this.#echo(id, text);
  }

  /** @param {number} seq the message that offered it */
  choose(choice, seq) {
    const label = String(choice.label ?? '').split('\n')[0];
    if (choice.id === 'human') return this.human();
    // Names of choices are used again by later offers; then only its words tell which one is meant.
    if (this.transcript.messages.some((m) => m.seq > seq && m.choices?.some((c) => c.id === choice.id))) return this.say(label);
    const id = newId();
    this.connection.send({ type: 'choose', id, choice: choice.id });
    this.labels = { ...this.labels, [id]: label };
    this.#echo(id, label);
  }

  /** Once more, what was not taken. */
  again({ id, text }) {
    this.#change(transcript.refused(this.transcript, id));
    this.say(text);
  }

  human() {
    if (this.asking) return;
    this.asking = true;
    this.connection.send({ type: 'human' });
    this.on.changed();
  }

  leaveQueue() {
    this.connection.send({ type: 'leave_queue' });
  }

  feedback(seq, helpful) {
    this.settle(seq, helpful);
    this.connection.send({ type: 'feedback', seq, helpful });
  }

  /** @param {number | null} seq the message that held the form */
  form(seq, values, on) {
    this.#submit({ type: 'message_form', ...values }, seq, on);
  }

  rate(seq, values, on) {
    this.#submit({ type: 'rate', ...values }, seq, on);
  }

  /** Remembers that this message's card needs no answer any more. */
  settle(seq, value = 1) {
    if (seq) this.memory.write({ done: { ...this.memory.read().done, [seq]: value } });
  }

  /** What became of a message's card or feedback, by seq. */
  get done() {
    return { get: (seq) => this.memory.read().done?.[seq] };
  }

  writing() {
    this.connection.tell({ type: 'typing' });
  }

  /** The citizen has everything before the eyes. */
  see() {
    const theirs = this.transcript.messages.filter((m) => m.party !== 'citizen');
    const seq = theirs.length ? theirs[theirs.length - 1].seq : 0;
    // After the end nothing is to be remembered any more.
    if (!this.connection.token) return;
    if (seq > this.seen) this.memory.write({ seen: seq });
    if (seq <= (this.told ?? 0) || this.link !== 'live') return;
    this.told = seq;
    this.connection.tell({ type: 'read', seq });
  }

  end() {
    this.connection.end();
  }

  /** Another tab changed what is remembered: ended there is ended here, gone on with there is shown here too. */
  otherTab() {
    const kept = this.memory.read();
    if (this.connection.token && !kept.token) this.connection.abandon();
    else if (this.connection.token && kept.id !== this.connection.id) this.connection.adopt(kept);
    this.on.changed();
  }

  #submit(frame, seq, on) {
    const id = this.connection.send(frame);
    this.waiting.set(id, {
      ...on,
      taken: () => {
        this.settle(seq);
        on.taken();
      },
    });
  }

  #echo(id, text) {
    this.#change(transcript.said(this.transcript, { id, text, at: Date.now() }));
  }

  #frame(frame) {
    const t = this.transcript;
    if (frame.type === 'message') {
      if (frame.party !== 'citizen') this.#quiet();
      this.#change(transcript.heard(t, frame));
      if (transcript.hasGap(this.transcript)) this.#catchUp();
    } else if (frame.type === 'saying') this.#echo(frame.id, frame.text);
    else if (frame.type === 'recalled') this.#change(transcript.recalled(t, frame.seq));
    else if (frame.type === 'ack') this.#acked(frame);
    else if (frame.type === 'state') this.#state(frame);
    else if (frame.type === 'read' && frame.party !== 'citizen') this.#change(transcript.readUpTo(t, frame.seq));
    else if (frame.type === 'typing' && frame.party !== 'citizen') this.#typing(frame.party, TYPING_FADES);
  }

  #acked(frame) {
    this.waiting.get(frame.id)?.taken();
    this.waiting.delete(frame.id);
    if (frame.of === 'human') this.asking = false;
    const asked = frame.of === 'say' || frame.of === 'choose';
    this.#change(transcript.acked(this.transcript, frame.id, frame.seq));
    const answered = this.transcript.messages.some((m) => m.seq > frame.seq);
    if (asked && !answered && this.transcript.state.stage === 'bot') {
      clearTimeout(this.timers.thinking);
      this.timers.thinking = setTimeout(() => this.#typing('bot', THINKING_ENDS), THINKING_SHOWS);
    }
  }

  #state(frame) {
    this.asking = false;
    const { stage } = frame;
    this.memory.write({ stage, ...(this.scene ? { scene: this.scene } : {}) });
    if (stage !== this.transcript.state.stage) this.#quiet();
    this.#change(transcript.staged(this.transcript, frame));
  }

  /** What the server did not take goes back to where it was written. */
  #refused(frame, error) {
    const form = frame && this.waiting.get(frame.id);
    if (form) {
      this.waiting.delete(frame.id);
      return form.refused(error);
    }
    this.asking = false;
    const label = this.labels?.[frame?.id];
    if (label && /choice/.test(String(error.code))) {
      // An old choice: its words are still a question.
      this.#change(transcript.refused(this.transcript, frame.id));
      return this.say(label);
    }
    const text = frame?.type === 'say' ? frame.text : '';
    if (text && this.on.giveBack(text)) this.#change(transcript.refused(this.transcript, frame.id));
    else if (frame) this.#change(transcript.failed(this.transcript, frame.id));
    this.on.error(error);
  }

  #link(link) {
    this.link = link;
    if (link === 'ended') {
      this.#quiet();
      this.transcript = transcript.staged(this.transcript, { stage: 'bot' });
    }
    this.on.changed();
  }

  #fresh(resumed) {
    this.changed = resumed ? 'resumed' : this.transcript.messages.length > 0 && this.link !== 'ended' ? 'restarted' : '';
    this.transcript = transcript.EMPTY;
    this.asking = false;
    this.told = 0;
    for (const form of this.waiting.values()) form.refused({ code: 'other' });
    this.waiting.clear();
    this.#quiet();
    this.on.fresh();
    this.on.changed();
  }

  #typing(party, fades) {
    clearTimeout(this.timers.typing);
    this.typing = party;
    this.timers.typing = setTimeout(() => this.#quiet(), fades);
    this.on.changed();
  }

  #quiet() {
    clearTimeout(this.timers.typing);
    clearTimeout(this.timers.thinking);
    if (!this.typing) return;
    this.typing = '';
    this.on.changed();
  }

  #catchUp() {
    if (Date.now() - this.caughtUp < CATCH_UP_EVERY) return;
    this.caughtUp = Date.now();
    this.connection.catchUp();
  }

  #change(next) {
    if (next === this.transcript) return;
    this.transcript = next;
    this.on.changed();
  }
}
