/** Calls of the staff's API; a refusal is thrown as a Problem with its code and a sentence to show. */

export class Problem extends Error {
  /** @param {number} status 0: the network @param {Record<string, any>} told */
  constructor(status, told) {
    super(told.detail || told.title || '没有办成，请再试一次');
    Object.assign(this, { status, code: told.code ?? '', told });
  }
}

/** Heard by the window when a session that was there is over. */
export const ENDED = 'yida:session-ended';

/** @param {string} method @param {string} path below /api/v1 @param {object} [body] JSON, or a form with a file @param {Record<string, string>} [headers] @returns {Promise<any>} */
export async function call(method, path, body, headers = {}) {
  const init = { method, headers };
  if (body instanceof FormData) init.body = body;
  else if (body !== undefined) Object.assign(init, { headers: { 'Content-Type': 'application/json', ...headers }, body: JSON.stringify(body) });
  let response;
  try {
    response = await fetch(`/api/v1${path}`, { ...init, credentials: 'same-origin', cache: 'no-store' });
  } catch {
    throw new Problem(0, { code: 'offline', detail: '网络不通，请稍后再试' });
  }
  const told = response.status === 204 ? {} : await response.json().catch(() => ({}));
  if (response.status === 401 && path !== '/session') dispatchEvent(new Event(ENDED));
  if (!response.ok) throw new Problem(response.status, told);
  return told;
}

export const read = (path) => call('GET', path);
export const post = (path, body = {}) => call('POST', path, body);
export const put = (path, body = {}) => call('PUT', path, body);
export const remove = (path, body) => call('DELETE', path, body);

export function query(values) {
  const told = new URLSearchParams(Object.entries(values).filter(([, v]) => v !== undefined && v !== null && v !== ''));
  return told.size ? `?${told}` : '';
}
