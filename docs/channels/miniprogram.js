/** A mini-program's client of the citizens' API: logs in, sends, and polls for what is new. Copy it into `utils/`. */

const BASE = 'https://HOST'; // one of the request domains in the mini-program's console
const WAIT = 25; // seconds that a poll may last

function request(method, path, data, token) {
  return new Promise((resolve, reject) => {
    wx.request({
      url: BASE + path, method, data, timeout: (WAIT + 10) * 1000,
      header: token ? { Authorization: `Bearer ${token}` } : {},
      success: (answer) => (answer.statusCode < 300 ? resolve(answer.data) : reject(answer.data)),
      fail: reject,
    });
  });
}

function login() {
  return new Promise((resolve, reject) => wx.login({ success: ({ code }) => resolve(code), fail: reject }))
    .then((code) => request('POST', '/api/v1/wechat/login', { code }));
}

/** `onMessage` gets each message once, in order; `onState` who holds the conversation. */
function open({ onMessage, onState }) {
  let after = 0;
  let stopped = false;
  let count = 0;
  const ready = login();
  const path = (id) => `/api/v1/conversations/${id}/messages`;

  async function poll() {
    const { id, token } = await ready;
    while (!stopped) {
      try {
        const told = await request('GET', `${path(id)}?after=${after}&wait=${after ? WAIT : 0}`, undefined, token);
        for (const message of told.messages) {
          after = message.seq;
          onMessage(message);
        }
        onState(told.state);
      } catch (error) {
        await new Promise((again) => setTimeout(again, 3000));
      }
    }
  }

  async function send(frame) {
    const { id, token } = await ready;
    count += 1;
    return request('POST', path(id), { id: `mp-${Date.now()}-${count}`, ...frame }, token);
  }

  poll();
  return {
    say: (text) => send({ type: 'say', text }),
    choose: (choice) => send({ type: 'choose', choice }),
    human: () => send({ type: 'human' }),
    rate: (stars) => send({ type: 'rate', stars, reasons: [], text: '' }),
    stop: () => { stopped = true; },
  };
}

module.exports = { open };
