/** The way to the service: opens or resumes a conversation, holds a line, and resends until acknowledged. */
import { backOff, newId, Outbox } from './outbox.js';
import { ask, pollLine } from './poll.js';
import { socketLine } from './socket.js';

// Two sockets in a row that never came to life: something on the way does not let them through.
const GIVE_UP_SOCKETS = 2;
const TRY_SOCKET_AGAIN = 60000;
const GOODBYE = 3000;
// A foreign page that may not use us cannot read the refusal: our files come through, our API does not.
const BARRED_AFTER = 2;

/**
 * @typedef {'idle' | 'connecting' | 'live' | 'offline' | 'blocked' | 'ended'} Link
 * @typedef {object} Listener
 * @property {(frame: any) => void} frame        message, ack, recalled, state, typing, read
 * @property {(frame: any, error: any) => void} refused  the server did not take this frame (null: it named none)
 * @property {(link: Link) => void} link
 * @property {(resumed: boolean) => void} fresh   another conversation begins, or one is gone on with: forget what was shown
 */

export class Connection {
  /**
   * @param {{ base: string, memory: any, after: () => number, opening: () => object, on: Listener, env?: any }} options
   *   `after`: the last seq that arrived without a gap; `opening`: the body of a new conversation
   */
  constructor({ base, memory, after, opening, on, env }) {
    Object.assign(this, { base: base.replace(/\/$/, ''), memory, after, opening, on });
    this.env = env ?? browser();
    this.outbox = new Outbox();
    /** @type {Link} */
    this.link = 'idle';
    this.id = this.token = '';
    this.line = this.trial = null;
    this.turn = this.attempt = this.failures = this.barred = this.timer = 0;
  }

  /** Resumes the remembered conversation, else opens one. Safe to call again. */
  start() {
    if (this.link !== 'idle' && this.link !== 'ended') return;
    const kept = this.memory.read();
    this.id = kept.id || '';
    this.token = kept.token || '';
    this.#connect();
  }

  /** Keeps a frame until it is acknowledged; gives its id. */
  send(frame) {
    const kept = this.outbox.add({ ...frame, id: frame.id ?? newId() });
    if (this.link === 'ended') this.on.fresh(false);
    this.start();
    this.line?.send(kept);
    return kept.id;
  }

  /** Sends a frame that may be lost. */
  tell(frame) {
    if (this.link === 'live') this.line?.send(frame);
  }

  /** The network or the page is back: connect at once, or make sure that the line still lives. */
  wake() {
    if (this.link === 'idle' || this.link === 'ended' || this.link === 'blocked') return;
    if (this.line && this.link === 'live') this.line.check();
    else if (!this.line) {
      // Sockets may have failed because nothing went through; they get one try more.
      this.failures = Math.min(this.failures, GIVE_UP_SOCKETS - 1);
      this.#connect();
    }
  }

  /** The network is gone, or the page goes to sleep. */
  sleep() {
    if (this.link !== 'live' && this.link !== 'connecting') return;
    this.#drop();
    this.#say('offline');
  }

  /** Messages are missing: ask for them again. */
  catchUp() {
    if (this.link !== 'live') return;
    this.#drop();
    this.#later();
  }

  /** Ends the conversation; the device forgets it even when the server cannot be told. */
  end() {
    if (!this.token) return this.#ended();
    this.goodbye = this.send({ type: 'end' });
    this.env.setTimeout(() => this.goodbye && this.#ended(), GOODBYE);
  }

  /** The conversation was ended elsewhere on this device. */
  abandon() {
    this.#ended();
  }

  /** Goes on with another conversation that this device may open. */
  adopt({ id, token }) {
    const said = this.outbox.rescue();
    this.id = id;
    this.token = token;
    this.on.fresh(true);
    this.#resay(said);
    this.attempt = 0;
    this.#connect();
  }

  stop() {
    this.#drop();
    this.link = 'idle';
  }

  async #connect() {
    const turn = this.#drop();
    this.#say('connecting');
    if (!this.token && !(await this.#open(turn))) return;
    if (turn === this.turn) this.#dial(this.failures >= GIVE_UP_SOCKETS);
  }

  /** Creates the conversation; the same id again is the same conversation. */
  async #open(turn) {
    if (!this.id) this.memory.write({ id: (this.id = newId()) });
    const body = JSON.stringify({ ...this.opening(), id: this.id, channel: 'web' });
    const answer = await ask(this.env, `${this.base}/api/v1/conversations`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body,
    });
    if (turn !== this.turn) return false;
    if (answer.status === 201 || answer.status === 200) {
      this.barred = 0;
      this.id = answer.body.id;
      this.token = answer.body.token;
      this.memory.write({ id: this.id, token: this.token });
      for (const message of answer.body.messages ?? []) this.on.frame({ ...message, type: 'message' });
      if (answer.body.state) this.on.frame({ ...answer.body.state, type: 'state' });
      return true;
    }
    if (answer.status === 403 || (answer.status === 0 && (await this.#isBarred()))) return turn === this.turn && this.#blocked();
    if (turn !== this.turn) return false;
    // This id is taken or was not liked: the next try makes its own.
    if ([400, 404, 409, 422].includes(answer.status)) this.id = '';
    this.#later(answer.retry * 1000);
    return false;
  }

  /** Whether only our API does not come through, time and again. */
  async #isBarred() {
    if (!this.env.isForeign?.(this.base)) return false;
    const reached = await ask(this.env, `${this.base}/static/mark.svg`, {});
    this.barred = reached.status === 200 ? this.barred + 1 : 0;
    return this.barred >= BARRED_AFTER;
  }

  #dial(polling) {
    const path = `${this.base}/api/v1/conversations/${encodeURIComponent(this.id)}`;
    const call = { token: this.token, env: this.env };
    const line = polling
      ? pollLine({ ...call, url: `${path}/messages`, after: this.after, on: this.#listener(() => line, true) })
      : socketLine({ ...call, url: socketUrl(path, this.after()), on: this.#listener(() => line, false) });
    this.line = line;
    if (polling) this.timer = this.env.setTimeout(() => this.#trySocket(path), TRY_SOCKET_AGAIN);
  }

  #listener(line, polling) {
    return {
      live: () => {
        if (line() !== this.line) return;
        this.#live(polling);
      },
      frame: (frame) => {
        if (line() === this.line) this.#frame(frame);
      },
      down: (code) => {
        if (line() !== this.line) return;
        if (code === 4401 || code === 4403) return this.#lost();
        // A poll that fails too tells that the service is away, not that sockets are barred.
        if (polling) this.failures = 1;
        else if (this.link !== 'live') this.failures += 1;
        this.#drop();
        this.#later();
      },
    };
  }

  #live(polling) {
    this.attempt = 0;
    if (!polling) this.failures = 0;
    this.#say('live');
    for (const frame of this.outbox.frames) this.line.send(frame);
  }

  /** While polling works: is a socket possible by now? The poll goes on until the socket lives. */
  #trySocket(path) {
    const trial = socketLine({
      url: socketUrl(path, this.after()), token: this.token, env: this.env,
      on: {
        live: () => {
          if (trial !== this.trial) return;
          this.line?.close();
          this.line = trial;
          this.trial = null;
          this.#live(false);
        },
        frame: (frame) => {
          if (trial === this.line) this.#frame(frame);
        },
        down: (code) => {
          if (trial === this.line) return this.#listener(() => trial, false).down(code);
          if (trial !== this.trial) return;
          this.trial = null;
          this.timer = this.env.setTimeout(() => this.#trySocket(path), TRY_SOCKET_AGAIN);
        },
      },
    });
    this.trial = trial;
  }

  #frame(frame) {
    if (frame.type === 'error') return this.#error(frame);
    // Without a socket the ack itself carries what `resumed` says.
    if (frame.token && frame.conversation) return this.#resumed(frame);
    if (frame.type === 'ack') {
      const taken = this.outbox.take(frame.id);
      if (taken?.type === 'end') return this.#ended();
      frame = { ...frame, of: taken?.type };
    }
    this.on.frame(frame);
  }

  /** A code was right: this device goes on with that conversation. */
  #resumed({ id, conversation, token }) {
    this.outbox.take(id);
    this.on.frame({ type: 'ack', id, of: 'resume' });
    this.memory.replace({ id: conversation, token });
    this.adopt({ id: conversation, token });
  }

  #error(error) {
    // Before the line lives an error speaks of the line, and its close code says the rest.
    if (this.link !== 'live') return;
    const blamed = this.outbox.blamed(error);
    if (error.code === 'gone') return this.#lost();
    if (blamed) this.outbox.take(blamed.id);
    if (blamed?.type === 'end') return this.#ended();
    this.on.refused(blamed ?? null, error);
  }

  /** The conversation cannot be gone on with. Another tab may have begun a new one; else we do. */
  #lost() {
    const kept = this.memory.read();
    const other = kept.token && kept.id !== this.id ? kept : null;
    if (!other) this.memory.forget();
    this.id = other?.id ?? '';
    this.token = other?.token ?? '';
    const said = this.outbox.rescue();
    this.on.fresh(false);
    this.#resay(said);
    this.#drop();
    this.#later();
  }

  /** What was said and not taken goes to the conversation that comes. */
  #resay(said) {
    for (const frame of said) {
      this.outbox.add(frame);
      this.on.frame({ type: 'saying', id: frame.id, text: frame.text });
    }
  }

  #ended() {
    this.goodbye = '';
    this.outbox.rescue();
    this.memory.forget();
    this.#drop();
    this.id = this.token = '';
    this.#say('ended');
  }

  #blocked() {
    this.#say('blocked');
    return false;
  }

  #later(atLeast = 0) {
    const wait = Math.max(atLeast, backOff(this.attempt, this.env.random()));
    this.attempt += 1;
    this.#say(this.attempt > 1 ? 'offline' : 'connecting');
    this.timer = this.env.setTimeout(() => this.#connect(), wait);
  }

  /** Leaves every line and timer behind; gives the number of the turn that begins. */
  #drop() {
    this.env.clearTimeout(this.timer);
    const lines = [this.line, this.trial];
    this.line = this.trial = null;
    for (const line of lines) line?.close();
    this.turn += 1;
    return this.turn;
  }

  #say(link) {
    if (link === this.link) return;
    this.link = link;
    this.on.link(link);
  }
}

function socketUrl(path, after) {
  return `${path.replace(/^http/, 'ws')}/socket?after=${after}`;
}

function browser() {
  return {
    WebSocket: globalThis.WebSocket,
    fetch: (...args) => globalThis.fetch(...args),
    setTimeout: (...args) => globalThis.setTimeout(...args),
    clearTimeout: (id) => globalThis.clearTimeout(id),
    random: Math.random,
    isForeign: (base) => new URL(base).origin !== globalThis.location?.origin,
  };
}
