/** A clock, a network and a memory that tests hold in their hands. */
export class Clock {
  now = 0;
  #due = new Map();
  #n = 0;

  setTimeout = (act, ms = 0) => {
    this.#due.set((this.#n += 1), { at: this.now + ms, act });
    return this.#n;
  };

  clearTimeout = (id) => this.#due.delete(id);

  /** Lets time pass, in order, with what was promised in between. */
  async pass(ms) {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const next = [...this.#due].filter(([, t]) => t.at <= end).sort((a, b) => a[1].at - b[1].at || a[0] - b[0])[0];
      if (!next) break;
      this.#due.delete(next[0]);
      this.now = next[1].at;
      next[1].act();
      await settle();
    }
    this.now = end;
  }
}

export async function settle() {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
}

/** A server with one conversation after the other, sockets that may be barred, and everything it was sent. */
export class FakeService {
  sockets = [];
  requests = [];
  posted = [];
  made = 0;
  barred = false;
  away = false;
  create = null;
  poll = null;
  post = null;

  constructor() {
    const service = this;
    this.WebSocket = class {
      constructor(url) {
        this.url = url;
        this.sent = [];
        this.closed = false;
        service.sockets.push(this);
        if (service.barred || service.away) Promise.resolve().then(() => this.drop(1006));
      }

      send(text) {
        this.sent.push(JSON.parse(text));
      }

      close() {
        this.closed = true;
      }

      open() {
        this.onopen?.();
      }

      say(frame) {
        this.onmessage?.({ data: JSON.stringify(frame) });
      }

      drop(code = 1006) {
        this.onclose?.({ code });
      }
    };
  }

  get socket() {
    return this.sockets[this.sockets.length - 1];
  }

  /** Opens the newest socket and says the state. */
  accept(state = { stage: 'bot' }) {
    this.socket.open();
    this.socket.say({ type: 'state', ...state });
  }

  fetch = async (url, init = {}) => {
    const request = { url, method: init.method ?? 'GET', body: init.body && JSON.parse(init.body), headers: init.headers };
    this.requests.push(request);
    if (this.away) throw new TypeError('network');
    if (url.endsWith('/conversations')) {
      const own = this.create?.(request);
      if (own) return own;
      this.made += 1;
      return reply(201, { id: request.body.id, token: `t${this.made}`, messages: [{ seq: 1, party: 'bot', text: '您好' }], state: { stage: 'bot' } });
    }
    if (request.method === 'POST') {
      this.posted.push(request.body);
      return this.post?.(request) ?? reply(200, { type: 'ack', id: request.body.id, seq: 2 });
    }
    return this.poll?.(request) ?? new Promise(() => {});
  };
}

export function reply(status, body, headers = {}) {
  return { status, headers: { get: (name) => headers[name] ?? null }, json: async () => body };
}

export function memory(held = {}) {
  return {
    read: () => held,
    write: (patch) => { held = { ...held, ...patch }; },
    replace: (value) => { held = value; },
    forget: () => { held = {}; },
  };
}
