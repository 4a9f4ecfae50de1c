/** A line without a socket: asks and waits for messages, posts frames one after the other. */

const WAIT = 25;
// The server answers a long poll after WAIT seconds; a proxy that swallowed it is given up after this.
const PATIENCE = 40000;

/**
 * @param {{ url: string, token: string, env: any, after: () => number,
 *           on: { live(): void, frame(f: any): void, down(code: number): void } }} call
 * @returns {import('./socket.js').Line}
 */
export function pollLine({ url, token, env, after, on }) {
  const stop = new AbortController();
  const headers = { Authorization: `Bearer ${token}` };
  let over = false;
  let posting = Promise.resolve();

  function close() {
    over = true;
    stop.abort();
  }

  function end(code) {
    if (over) return;
    close();
    on.down(code);
  }

  async function listen() {
    // The first answer comes at once, so that the state is known before anything is awaited.
    for (let wait = 0; !over; wait = WAIT) {
      const timer = env.setTimeout(() => end(0), PATIENCE);
      const answer = await ask(env, `${url}?after=${after()}&wait=${wait}`, { headers, signal: stop.signal });
      env.clearTimeout(timer);
      if (over) return;
      if (answer.status === 429) await pause(env, (answer.retry || 5) * 1000);
      else if (answer.status !== 200) return end(closeCode(answer.status));
      else {
        if (!wait) on.live();
        for (const message of answer.body?.messages ?? []) on.frame({ ...message, type: 'message' });
        if (answer.body?.state) on.frame({ ...answer.body.state, type: 'state' });
      }
    }
  }

  async function post(frame) {
    if (over) return;
    const answer = await ask(env, url, {
      method: 'POST',
      headers: { ...headers, 'Content-Type': 'application/json' },
      body: JSON.stringify(frame),
      signal: stop.signal,
    });
    if (over) return;
    if (answer.status === 200) on.frame({ ...answer.body, type: answer.body?.type ?? 'ack' });
    else if (isRefusal(answer)) on.frame(refusal(answer, frame.id));
    else end(closeCode(answer.status));
  }

  listen();
  return {
    send(frame) {
      if (frame.type !== 'typing' && frame.type !== 'ping') posting = posting.then(() => post(frame));
    },
    check() {},
    close,
  };
}

/** One request: status 0 when the network failed; never throws. */
export async function ask(env, url, init) {
  try {
    const response = await env.fetch(url, { credentials: 'omit', cache: 'no-store', ...init });
    const retry = Number(response.headers?.get?.('Retry-After')) || 0;
    const body = await response.json().catch(() => null);
    return { status: response.status, retry, body };
  } catch {
    return { status: 0, retry: 0, body: null };
  }
}

/** A problem+json answer in the shape of an error frame. */
export function refusal(answer, id) {
  const { code, detail, title, field } = answer.body ?? {};
  const message = detail || title || '';
  const name = code || { 410: 'gone', 413: 'too_long', 429: 'too_often' }[answer.status] || 'refused';
  return { type: 'error', id, code: name, message, field, retry_after: answer.retry || undefined };
}

/** A frame was not liked. Of 404 only the code tells whether it is the frame's fault or the conversation is not ours. */
function isRefusal({ status, body }) {
  if (status === 404) return Boolean(body?.code) && body.code !== 'not_found';
  return status >= 400 && status < 500 && status !== 401 && status !== 403;
}

/** The code with which a socket would have been closed. */
function closeCode(status) {
  if (status === 401) return 4401;
  return status === 403 || status === 404 ? 4403 : 0;
}

function pause(env, ms) {
  return new Promise((resolve) => env.setTimeout(resolve, ms));
}
