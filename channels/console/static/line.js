/** The desk's line to the server: found again whenever it is lost; what needs an ack is sent until it has one. */

// Proxies drop sockets after 30 to 60 s of silence; a dead one is noticed within PING + ANSWER.
const PING = 20000;
const ANSWER = 8000;
const OPENING = 8000;
const LONGEST = 15000;
// Closed by the server for good: no session any more, or one that may not be here.
const BARRED = { 4401: 'signed_out', 4403: 'forbidden' };

/** Milliseconds before try number `attempt` (from 0): doubling, the upper half at random, so that a restart is not met by all at once. */
export function backOff(attempt, random) {
  const span = Math.min(LONGEST, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(span / 2 + (random * span) / 2);
}

/** An id that only this device could have made; `randomUUID` is missing on plain http. */
export function newId(source = globalThis.crypto) {
  if (source.randomUUID) return source.randomUUID();
  return [...source.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, '0')).join('');
}

export class Line {
  /**
   * @param {{ url: string, env: any, on: { link(value: string): void, live(): void, frame(f: any): void } }} call
   *   `link` hears connecting, live, lost, signed_out, forbidden; `live` comes once for each socket, before its frames.
   */
  constructor({ url, env, on }) {
    Object.assign(this, { url, env, on });
    /** @type {Record<string, any>[]} frames without an ack, in order */
    this.kept = [];
    this.tries = 0;
    this.over = false;
    this.up = false;
    this.socket = null;
    this.timers = {};
  }

  start() {
    this.on.link('connecting');
    this.#open();
  }

  /** Sends a frame now, or not at all. @returns {boolean} */
  tell(frame) {
    if (!this.up) return false;
    this.#put(frame);
    return true;
  }

  /** Sends a frame with an id until it is acknowledged or refused. */
  send(frame) {
    if (!this.kept.some((f) => f.id === frame.id)) this.kept.push(frame);
    this.tell(frame);
  }

  forget(id) {
    this.kept = this.kept.filter((f) => f.id !== id);
  }

  /** The network is back, or the page was woken: ask at once, or try at once. */
  wake() {
    if (this.over) return;
    if (this.up) this.#ask(3000);
    else if (this.timers.retry) {
      this.tries = 0;
      this.#open();
    }
  }

  /** The network is gone: nothing would come back from it. */
  sleep() {
    if (!this.over && this.socket) this.#lost(0);
  }

  close() {
    this.over = true;
    this.#leave();
    this.#stop('retry');
  }

  #open() {
    this.#stop('retry');
    this.#leave();
    let socket;
    try {
      socket = new this.env.WebSocket(this.url);
    } catch {
      this.#again();
      return;
    }
    this.socket = socket;
    const mine = () => this.socket === socket;
    this.#wait('deadline', OPENING, () => this.#lost(0));
    socket.onopen = () => {
      if (!mine()) return;
      this.up = true;
      this.#heard();
      this.on.link('live');
      this.on.live();
      for (const frame of [...this.kept]) this.#put(frame);
    };
    socket.onmessage = (event) => {
      const frame = mine() ? parsed(event.data) : null;
      if (!frame) return;
      this.tries = 0; // a server that only opens and closes is not met by a storm
      this.#heard();
      if ((frame.type === 'ack' || frame.type === 'error') && frame.id) this.forget(frame.id);
      if (frame.type !== 'pong') this.on.frame(frame);
    };
    socket.onclose = (event) => mine() && this.#lost(event.code ?? 0);
  }

  #lost(code) {
    this.#leave();
    if (BARRED[code]) {
      this.over = true;
      this.on.link(BARRED[code]);
      return;
    }
    this.on.link('lost');
    this.#again();
  }

  #again() {
    this.#wait('retry', backOff(this.tries, this.env.random()), () => this.#open());
    this.tries += 1;
  }

  #heard() {
    this.#wait('deadline', PING, () => this.#ask(ANSWER));
  }

  #ask(ms) {
    this.#put({ type: 'ping' });
    this.#wait('deadline', ms, () => this.#lost(0));
  }

  #put(frame) {
    try {
      this.socket.send(JSON.stringify(frame));
    } catch {
      this.#lost(0);
    }
  }

  #leave() {
    this.#stop('deadline');
    this.up = false;
    const { socket } = this;
    this.socket = null;
    try {
      socket?.close();
    } catch {
      // Already gone.
    }
  }

  #wait(name, ms, act) {
    this.#stop(name);
    this.timers[name] = this.env.setTimeout(() => {
      this.timers[name] = 0;
      act();
    }, ms);
  }

  #stop(name) {
    if (this.timers[name]) this.env.clearTimeout(this.timers[name]);
    this.timers[name] = 0;
  }
}

function parsed(data) {
  try {
    const frame = JSON.parse(data);
    return frame && typeof frame.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}
