/** A line over a websocket: authorises first, tells when it is live, notices when it is dead. */

// Proxies drop sockets after 30 to 60 s of silence; a dead one is noticed within PING + ANSWER.
const PING = 25000;
const ANSWER = 10000;
// A woken phone must not wait so long to learn that its socket died while it slept.
const QUICK = 3000;
const OPENING = 8000;

/**
 * @typedef {object} Line
 * @property {(frame: object) => void} send
 * @property {() => void} check   is it still there? answers with `down` if not
 * @property {() => void} close   without a word to anybody
 */

/**
 * @param {{ url: string, token: string, env: any, on: { live(): void, frame(f: any): void, down(code: number): void } }} call
 * @returns {Line}
 */
export function socketLine({ url, token, env, on }) {
  let live = false;
  let over = false;
  let ping = 0;
  let deadline = 0;
  /** @type {WebSocket} */
  let socket;

  function end(code) {
    if (over) return;
    close();
    on.down(code);
  }

  function expect(ms) {
    env.clearTimeout(deadline);
    deadline = env.setTimeout(() => end(0), ms);
  }

  function check(ms = QUICK) {
    if (!live || over) return;
    put({ type: 'ping' });
    expect(ms);
  }

  function rest() {
    env.clearTimeout(deadline);
    env.clearTimeout(ping);
    ping = env.setTimeout(() => check(ANSWER), PING);
  }

  function put(frame) {
    try {
      socket.send(JSON.stringify(frame));
    } catch {
      end(0);
    }
  }

  function close() {
    over = true;
    env.clearTimeout(deadline);
    env.clearTimeout(ping);
    try {
      socket?.close();
    } catch {
      // Already gone.
    }
  }

  expect(OPENING);
  try {
    socket = new env.WebSocket(url);
  } catch {
    env.setTimeout(() => end(0), 0);
    return { send() {}, check() {}, close };
  }
  socket.onopen = () => put({ type: 'auth', token });
  socket.onmessage = (event) => {
    if (over) return;
    const frame = parse(event.data);
    if (!frame) return;
    rest();
    if (!live && frame.type !== 'error') {
      live = true;
      on.live();
    }
    on.frame(frame);
  };
  socket.onclose = (event) => end(event.code || 0);
  // An error is always followed by a close, but some webviews forget it.
  socket.onerror = () => env.setTimeout(() => end(0), 1000);

  return { send: put, check: () => check(), close };
}

function parse(data) {
  try {
    const frame = JSON.parse(data);
    return frame && typeof frame.type === 'string' ? frame : null;
  } catch {
    return null;
  }
}
