/** An agent's seat: the line, the state of her desk, and what she does. The pages only draw it. */
import { lastSeq } from './chat.js';
import { EMPTY, next, toOpen } from './desk.js';
import { Line, newId } from './line.js';
import { read } from './rest.js';

const KEPT = 'yida-console.unsent';
const TICK = 1000;
const TYPING_EVERY = 3000;

export class Seat {
  constructor(url = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/v1/desk/socket`) {
    this.desk = EMPTY;
    this.listeners = new Set();
    this.drafts = kept();
    const env = { WebSocket, setTimeout: (f, ms) => setTimeout(f, ms), clearTimeout: (n) => clearTimeout(n), random: Math.random };
    this.line = new Line({ url, env, on: { link: (value) => this.happen({ type: 'link', value }), live: () => {}, frame: (frame) => this.happen(frame) } });
    this.typed = 0;
  }

  start(me) {
    this.happen({ type: 'seated', me });
    this.line.start();
    this.timer = setInterval(() => this.happen({ type: 'tick' }), TICK);
    addEventListener('online', this.#wake);
    addEventListener('offline', this.#sleep);
    document.addEventListener('visibilitychange', this.#wake);
    return () => this.#stop();
  }

  #wake = () => document.visibilityState === 'visible' && this.line.wake();
  #sleep = () => this.line.sleep();

  #stop() {
    clearInterval(this.timer);
    removeEventListener('online', this.#wake);
    removeEventListener('offline', this.#sleep);
    document.removeEventListener('visibilitychange', this.#wake);
    this.line.close();
  }

  /** One event in, the next state out, and to everybody who draws. */
  happen(event) {
    const before = this.desk;
    this.desk = next(before, event, Date.now());
    if (this.desk === before) return;
    this.#ask();
    for (const listener of [...this.listeners]) listener();
  }

  #ask() {
    for (const frame of toOpen(this.desk)) {
      const { conversation } = frame;
      if (!this.line.tell(frame)) return;
      this.desk = next(this.desk, { type: 'asked', conversation }, Date.now());
      if (!this.desk.chats[conversation].context.channel) this.#describe(conversation);
      const draft = this.drafts[conversation];
      if (draft) this.desk = next(this.desk, { type: 'drafted', conversation, ...draft }, Date.now());
    }
  }

  /** What an offer would have said, for conversations that were ours before this page was. */
  async #describe(conversation) {
    try {
      this.happen({ type: 'context', conversation, context: await read(`/desk/conversations/${conversation}`) });
    } catch {
      // Then the list says no more than that there is one.
    }
  }

  /** A command without an id; said to be impossible while the line is gone. */
  do(frame) {
    if (!this.line.tell(frame)) this.happen({ type: 'noticed', text: '线路还没接通，请稍后再操作' });
  }

  /** The page that accepts shows it; other tabs stay where they are, and so does who is given one unasked. */
  accept(conversation) {
    this.happen({ type: 'taking', conversation });
    this.do({ type: 'accept', conversation });
  }

  /** What is on the screen counts as read, and the citizen is told so of the owner. */
  look(chat) {
    this.happen({ type: 'looked' });
    if (chat.owned && chat.stage === 'agent' && lastSeq(chat)) this.line.tell({ type: 'read', conversation: chat.conversation, seq: lastSeq(chat) });
  }

  /** Words with an id of their own: `say`, `note`, `whisper`. */
  say(type, conversation, text) {
    const frame = { type, conversation, id: newId(), text };
    this.happen({ type: 'said', frame });
    this.line.send(frame);
  }

  /** A form for the citizen to fill in; it comes back as a message. */
  push(conversation, form) {
    this.line.send({ type: 'push', conversation, id: newId(), form });
  }

  /** The same words under the same id: what arrived already is not said twice. */
  retry(conversation, { id, of, text }) {
    this.happen({ type: 'retried', conversation, id });
    const frame = { type: of, conversation, id, text };
    this.line.forget(id);
    this.line.send(frame);
  }

  drop(conversation, id) {
    this.line.forget(id);
    this.happen({ type: 'dropped', conversation, id });
  }

  draft(conversation, text, note) {
    this.happen({ type: 'drafted', conversation, text, note });
    if (text) this.drafts[conversation] = { text, note };
    else delete this.drafts[conversation];
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(this.drafts));
    } catch {
      // A full or barred memory costs a draft at the next reload, nothing else.
    }
    if (text && !note && Date.now() - this.typed > TYPING_EVERY) {
      this.typed = Date.now();
      this.line.tell({ type: 'typing', conversation });
    }
  }
}

/** Who signs out leaves nothing of a conversation on the device. */
export function forgetDrafts() {
  try {
    sessionStorage.removeItem(KEPT);
  } catch {
    // Nothing was kept then.
  }
}

function kept() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT) ?? '{}');
  } catch {
    return {};
  }
}
