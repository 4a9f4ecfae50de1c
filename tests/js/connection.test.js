import assert from 'node:assert/strict';
import test from 'node:test';
import { Connection } from '../../channels/web/static/connection.js';
import { Clock, FakeService, memory, reply, settle } from './fakes.js';

async function begin({ kept = {}, service = new FakeService(), last = 1 } = {}) {
  const clock = new Clock();
  const seen = { frames: [], links: [], refused: [], fresh: 0 };
  const remembered = memory(kept);
  const connection = new Connection({
    base: 'https://host', memory: remembered, after: () => seen.last ?? last, opening: () => ({ locale: 'zh-CN' }),
    on: {
      frame: (f) => seen.frames.push(f), link: (l) => seen.links.push(l),
      refused: (f, e) => seen.refused.push([f, e]), fresh: () => { seen.fresh += 1; },
    },
    env: { WebSocket: service.WebSocket, fetch: service.fetch, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout, random: () => 0.5 },
  });
  return { connection, clock, service, seen, memory: remembered };
}

async function live(options) {
  const parts = await begin(options);
  parts.connection.start();
  await settle();
  parts.service.accept();
  return parts;
}

const said = (socket) => socket.sent.filter((f) => f.type !== 'auth' && f.type !== 'ping');

test('a new conversation is created under an id of its own and remembered', async () => {
  const { service, memory } = await live();
  const { body } = service.requests[0];
  assert.deepEqual([body.channel, body.locale], ['web', 'zh-CN']);
  assert.deepEqual(memory.read(), { id: body.id, token: 't1' });
});

test('the first frame of a socket is the token, and the address has none', async () => {
  const { service } = await live({ kept: { id: 'c', token: 'secret' }, last: 7 });
  assert.equal(service.socket.url, 'wss://host/api/v1/conversations/c/socket?after=7');
  assert.deepEqual(service.socket.sent[0], { type: 'auth', token: 'secret' });
  assert.equal(service.requests.length, 0);
});

test('an interrupted creation is repeated with the same id', async () => {
  const { connection, service, clock } = await begin();
  service.away = true;
  connection.start();
  await clock.pass(3000);
  service.away = false;
  await clock.pass(20000);
  const ids = new Set(service.requests.map((r) => r.body.id));
  assert.ok(service.requests.length > 1);
  assert.equal(ids.size, 1);
});

test('an id that the server does not want is replaced', async () => {
  const { connection, service, clock } = await begin();
  service.create = (r) => (service.requests.length === 1 ? reply(409, { code: 'taken' }) : null);
  connection.start();
  await clock.pass(3000);
  assert.notEqual(service.requests[0].body.id, service.requests[1].body.id);
});

test('Retry-After is kept when too many conversations were opened', async () => {
  const { connection, service, clock } = await begin();
  service.create = () => (service.requests.length === 1 ? reply(429, { code: 'too_often' }, { 'Retry-After': '30' }) : null);
  connection.start();
  await clock.pass(29000);
  assert.equal(service.requests.length, 1);
  await clock.pass(2000);
  assert.equal(service.requests.length, 2);
});

test('a page that has no right to ask stops asking', async () => {
  const { connection, service, clock, seen } = await begin();
  service.create = () => reply(403, { code: 'foreign_origin' });
  connection.start();
  await clock.pass(120000);
  assert.equal(service.requests.length, 1);
  assert.equal(seen.links.at(-1), 'blocked');
});

test('words said before the line lives are sent once it does', async () => {
  const { connection, service } = await begin();
  connection.send({ type: 'say', text: '一' });
  connection.send({ type: 'say', text: '二' });
  await settle();
  service.accept();
  assert.deepEqual(said(service.socket).map((f) => f.text), ['一', '二']);
});

test('what was not acknowledged is sent again with the same id, what was is not', async () => {
  const { connection, service, clock } = await live();
  const a = connection.send({ type: 'say', text: '一' });
  const b = connection.send({ type: 'say', text: '二' });
  service.socket.say({ type: 'ack', id: a, seq: 2 });
  service.socket.drop();
  await clock.pass(1000);
  service.accept();
  assert.deepEqual(said(service.socket).map((f) => [f.id, f.text]), [[b, '二']]);
});

test('a reconnection resumes after the last message that arrived', async () => {
  const { service, clock, seen } = await live();
  seen.last = 9;
  service.socket.drop();
  await clock.pass(1000);
  assert.match(service.socket.url, /after=9$/);
});

test('nothing of an old line is heard after it was left', async () => {
  const { service, clock, seen } = await live();
  const old = service.socket;
  old.drop();
  await clock.pass(1000);
  service.accept();
  const before = seen.frames.length;
  old.say({ type: 'message', seq: 5, party: 'bot', text: '迟到' });
  assert.equal(seen.frames.length, before);
});

test('retries wait longer and longer, to 20 s', async () => {
  const { connection, service, clock } = await begin({ kept: { id: 'c', token: 't' } });
  service.away = true;
  connection.start();
  await clock.pass(10 * 60000);
  const tries = service.sockets.length + service.requests.length;
  assert.ok(tries > 25 && tries < 50, String(tries));
});

test('two sockets that never live lead to long polling, which sends and hears', async () => {
  const service = new FakeService();
  service.barred = true;
  const given = [{ messages: [], state: { stage: 'bot' } }, { messages: [{ seq: 2, party: 'bot', text: '答' }], state: { stage: 'waiting', position: 3 } }];
  service.poll = () => (given.length ? reply(200, given.shift()) : null);
  const { connection, clock, seen } = await begin({ kept: { id: 'c', token: 't' }, service });
  connection.send({ type: 'say', text: '问' });
  await clock.pass(5000);
  assert.equal(service.sockets.length, 2);
  assert.equal(seen.links.at(-1), 'live');
  assert.deepEqual(service.posted.map((f) => f.text), ['问']);
  assert.equal(service.requests[0].headers.Authorization, 'Bearer t');
  assert.match(service.requests[0].url, /messages\?after=1&wait=0$/);
  assert.match(service.requests.at(-1).url, /wait=25$/);
  assert.deepEqual(seen.frames.filter((f) => f.type === 'message').map((f) => f.seq), [2]);
  assert.equal(seen.frames.findLast((f) => f.type === 'state').position, 3);
  assert.equal(connection.outbox.frames.length, 0);
});

test('polling goes on until a socket lives, then ends', async () => {
  const service = new FakeService();
  service.barred = true;
  const { connection, clock } = await begin({ kept: { id: 'c', token: 't' }, service });
  const nothing = reply(200, { messages: [], state: { stage: 'bot' } });
  service.poll = (r) => (r.url.endsWith('wait=0') ? nothing : new Promise((resolve) => clock.setTimeout(() => resolve(nothing), 25000)));
  connection.start();
  await clock.pass(5000);
  service.barred = false;
  await clock.pass(58000);
  assert.equal(service.sockets.length, 3);
  service.accept();
  connection.send({ type: 'say', text: '走插座' });
  assert.equal(said(service.socket).length, 1);
  assert.equal(service.posted.length, 0);
});

test('a post that the network lost is repeated, a refusal is not', async () => {
  const service = new FakeService();
  service.barred = true;
  service.poll = (r) => (r.url.endsWith('wait=0') ? reply(200, { messages: [], state: { stage: 'bot' } }) : null);
  let tries = 0;
  service.post = ({ body }) => {
    tries += 1;
    if (body.text === '密') return reply(429, { code: 'too_often', detail: '慢一点' }, { 'Retry-After': '4' });
    if (tries === 1) throw new TypeError('network');
    return null;
  };
  const { connection, clock, seen } = await begin({ kept: { id: 'c', token: 't' }, service });
  connection.send({ type: 'say', text: '问' });
  await clock.pass(20000);
  assert.deepEqual(new Set(service.posted.map((f) => f.id)).size, 1);
  assert.ok(service.posted.length >= 2);
  connection.send({ type: 'say', text: '密' });
  await clock.pass(100);
  const [frame, error] = seen.refused[0];
  assert.deepEqual([frame.text, error.code, error.message, error.retry_after], ['密', 'too_often', '慢一点', 4]);
  assert.equal(connection.outbox.frames.length, 0);
});

for (const code of [4401, 4403]) {
  test(`close ${code} begins a new conversation and takes along what was said`, async () => {
    const { connection, service, clock, seen, memory } = await live({ kept: { id: 'old', token: 'bad' } });
    connection.send({ type: 'feedback', seq: 1, helpful: true });
    connection.send({ type: 'say', text: '问' });
    service.socket.drop(code);
    await clock.pass(2000);
    service.accept();
    assert.equal(seen.fresh, 1);
    assert.notEqual(memory.read().id, 'old');
    assert.deepEqual(said(service.socket).map((f) => f.type), ['say']);
    assert.deepEqual(seen.frames.filter((f) => f.type === 'saying').map((f) => f.text), ['问']);
  });
}

test('error gone begins a new conversation and says it there', async () => {
  const { connection, service, clock, seen } = await live({ kept: { id: 'old', token: 't' } });
  const id = connection.send({ type: 'say', text: '还在吗' });
  service.socket.say({ type: 'error', code: 'gone', id });
  await clock.pass(2000);
  service.accept();
  assert.equal(seen.fresh, 1);
  assert.deepEqual(said(service.socket).map((f) => [f.id, f.text]), [[id, '还在吗']]);
});

test('a conversation that another tab began is taken up instead of a third', async () => {
  const { service, clock, memory } = await live({ kept: { id: 'old', token: 't' } });
  memory.write({ id: 'new', token: 'other' });
  service.socket.drop(4403);
  await clock.pass(2000);
  assert.match(service.socket.url, /conversations\/new\/socket/);
  assert.equal(service.requests.length, 0);
});

test('a server that knows no conversation is not flooded', async () => {
  const { service, clock } = await live();
  for (let n = 0; n < 60; n += 1) {
    service.socket.drop(4403);
    await clock.pass(1000);
  }
  assert.ok(service.made < 12, String(service.made));
});

test('an error without an id speaks of the oldest frame', async () => {
  const { connection, service, seen } = await live();
  connection.send({ type: 'say', text: '一' });
  connection.send({ type: 'say', text: '二' });
  service.socket.say({ type: 'error', code: 'too_often', message: '' });
  assert.equal(seen.refused[0][0].text, '一');
  assert.deepEqual(connection.outbox.frames.map((f) => f.text), ['二']);
});

test('an error before the line lives costs no words', async () => {
  const { connection, service, clock, seen } = await begin({ kept: { id: 'c', token: 'bad' } });
  connection.send({ type: 'say', text: '问' });
  await settle();
  service.socket.open();
  service.socket.say({ type: 'error', code: 'unauthorized' });
  service.socket.drop(4401);
  await clock.pass(2000);
  service.accept();
  assert.equal(seen.refused.length, 0);
  assert.equal(said(service.socket)[0].text, '问');
});

test('a silent socket is asked, and left when it does not answer', async () => {
  const { service, clock } = await live();
  const first = service.socket;
  await clock.pass(25000);
  assert.equal(first.sent.at(-1).type, 'ping');
  first.say({ type: 'pong' });
  await clock.pass(25000);
  assert.equal(service.sockets.length, 1);
  await clock.pass(11000);
  assert.equal(first.closed, true);
  assert.equal(service.sockets.length, 2);
});

test('a woken page asks its socket at once and connects at once when it is gone', async () => {
  const { connection, service, clock } = await live();
  connection.wake();
  assert.equal(service.socket.sent.at(-1).type, 'ping');
  await clock.pass(4000);
  assert.equal(service.sockets.length, 2);
  service.away = true;
  service.socket.drop();
  await clock.pass(60000);
  service.away = false;
  const before = service.sockets.length;
  connection.wake();
  await settle();
  assert.equal(service.sockets.length, before + 1);
});

test('offline drops the line at once, online brings it back', async () => {
  const { connection, service, seen } = await live();
  connection.sleep();
  assert.equal(seen.links.at(-1), 'offline');
  connection.send({ type: 'say', text: '断网时' });
  connection.wake();
  await settle();
  service.accept();
  assert.deepEqual(said(service.socket).map((f) => f.text), ['断网时']);
});

test('a socket that opens and says nothing is given up', async () => {
  const { connection, service, clock } = await begin({ kept: { id: 'c', token: 't' } });
  connection.start();
  await settle();
  service.socket.open();
  await clock.pass(9000);
  assert.equal(service.sockets.length, 2);
});

test('frames that may be lost are not kept', async () => {
  const { connection, service } = await begin();
  connection.tell({ type: 'typing' });
  connection.start();
  await settle();
  service.accept();
  assert.deepEqual(said(service.socket), []);
});

test('the end is acknowledged and forgotten', async () => {
  const { connection, service, seen, memory } = await live();
  connection.end();
  service.socket.say({ type: 'ack', id: said(service.socket)[0].id, seq: 1 });
  assert.deepEqual(memory.read(), {});
  assert.equal(seen.links.at(-1), 'ended');
  assert.equal(service.socket.closed, true);
});

test('the end is forgotten even when nobody hears it', async () => {
  const { connection, service, clock, memory } = await live();
  service.away = true;
  connection.end();
  service.socket.drop();
  await clock.pass(5000);
  assert.deepEqual(memory.read(), {});
  assert.equal(connection.outbox.frames.length, 0);
});

test('a word after the end begins anew', async () => {
  const { connection, service, seen } = await live();
  connection.end();
  service.socket.say({ type: 'ack', id: said(service.socket)[0].id, seq: 1 });
  connection.send({ type: 'say', text: '再来' });
  await settle();
  service.accept();
  assert.equal(seen.fresh, 1);
  assert.equal(service.made, 2);
  assert.deepEqual(said(service.socket).map((f) => f.text), ['再来']);
});

test('five hundred cuts lose and double nothing', async () => {
  const { connection, service, clock } = await live();
  const heard = new Map();
  let seed = 42;
  const chance = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  const drain = () => {
    for (const frame of said(service.socket)) {
      if (frame.taken) continue;
      frame.taken = true;
      if (chance() < 0.3) continue; // lost on the way there
      if (!heard.has(frame.id)) heard.set(frame.id, frame.text);
      if (chance() < 0.3) continue; // its ack lost on the way back
      service.socket.say({ type: 'ack', id: frame.id, seq: 2 });
    }
  };
  for (let n = 0; n < 500; n += 1) {
    connection.send({ type: 'say', text: String(n) });
    drain();
    service.socket.drop();
    await clock.pass(500);
    service.accept();
  }
  for (let n = 0; n < 60 && connection.outbox.frames.length; n += 1) {
    drain();
    service.socket.drop();
    await clock.pass(500);
    service.accept();
  }
  assert.equal(connection.outbox.frames.length, 0);
  assert.deepEqual([...heard.values()].map(Number).sort((a, b) => a - b), Array.from({ length: 500 }, (_, n) => n));
});

test('a code that is right goes on with that conversation from its beginning', async () => {
  const { connection, service, seen, memory } = await live({ kept: { id: 'mine', token: 't', seen: 4, done: { 2: true } }, last: 0 });
  const first = service.socket;
  const id = connection.send({ type: 'resume', code: '123456' });
  first.say({ type: 'resumed', id, conversation: 'other', token: 'new' });
  assert.ok(first.closed);
  assert.deepEqual(memory.read(), { id: 'other', token: 'new' });
  await settle();
  assert.match(service.socket.url, /conversations\/other\/socket\?after=0$/);
  service.accept();
  assert.deepEqual(service.socket.sent[0], { type: 'auth', token: 'new' });
  assert.deepEqual(said(service.socket), []);
  assert.equal(seen.fresh, 1);
  assert.deepEqual(seen.frames.filter((f) => f.type === 'ack'), [{ type: 'ack', id, of: 'resume' }]);
});

test('without a socket the ack of a code carries the conversation', async () => {
  const service = new FakeService();
  service.barred = true;
  service.poll = ({ url }) => (url.endsWith('wait=0') ? reply(200, { messages: [], state: { stage: 'bot' } }) : null);
  const { connection, clock, memory } = await begin({ kept: { id: 'mine', token: 't' }, service });
  connection.start();
  await clock.pass(5000);
  service.post = ({ body }) => reply(200, { type: 'ack', id: body.id, seq: 5, conversation: 'other', token: 'new' });
  connection.send({ type: 'resume', code: '123456' });
  await clock.pass(5000);
  assert.deepEqual(memory.read(), { id: 'other', token: 'new' });
});

test('a wrong code costs no conversation, also where the answer is a 404', async () => {
  const service = new FakeService();
  service.barred = true;
  service.poll = ({ url }) => (url.endsWith('wait=0') ? reply(200, { messages: [], state: { stage: 'bot' } }) : null);
  const { connection, clock, seen, memory } = await begin({ kept: { id: 'mine', token: 't' }, service });
  connection.start();
  await clock.pass(5000);
  service.post = () => reply(404, { code: 'bad_code', detail: '继续码不对' });
  connection.send({ type: 'resume', code: '123456' });
  await settle();
  assert.equal(seen.refused[0][1].code, 'bad_code');
  assert.equal(memory.read().id, 'mine');
});

test('a foreign page whose questions never come through, while our files do, is told so', async () => {
  const { connection, service, clock, seen } = await begin();
  connection.env.isForeign = () => true;
  service.create = () => { throw new TypeError('CORS'); };
  const { fetch } = connection.env;
  connection.env.fetch = (url, init) => (url.endsWith('.svg') ? reply(200, null) : fetch(url, init));
  connection.start();
  await clock.pass(60000);
  assert.equal(service.requests.length, 2);
  assert.equal(seen.links.at(-1), 'blocked');
});

test('a foreign page without a network is not told that it may not ask', async () => {
  const { connection, service, clock, seen } = await begin();
  connection.env.isForeign = () => true;
  service.away = true;
  connection.start();
  await clock.pass(60000);
  assert.ok(!seen.links.includes('blocked'));
});
