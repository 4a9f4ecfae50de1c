import assert from 'node:assert/strict';
import { test } from 'node:test';
import { filled, firstOpen, matching, open, withoutMarks } from '../../channels/console/static/canned.js';
import { day, seconds, shown, span, urgency } from '../../channels/console/static/clock.js';
import { Line, backOff } from '../../channels/console/static/line.js';
import { ROWS, drawn, earlier, later, newest, shifted } from '../../channels/console/static/span.js';
import { Clock, FakeService, settle } from './fakes.js';

test('a canned reply is filled in; what is not known stays visible', () => {
  const text = filled('您好，我是{{姓名}}，工号 {{ 工号 }}，{{事项}}', { 姓名: '陈晓', 工号: '' });
  assert.equal(text, '您好，我是陈晓，工号 {{ 工号 }}，{{事项}}');
  assert.deepEqual(open(text), ['工号', '事项']);
  assert.deepEqual(firstOpen('一{{二}}'), [1, 6]);
  assert.equal(firstOpen('一二'), null);
});

test('the names that the server knows are filled in too', () => {
  assert.equal(filled('{agent}（{number}）为您服务，{其他}', { agent: '陈晓', number: '1027' }), '陈晓（1027）为您服务，{其他}');
});

test('what stands in a variable is not filled in again', () => {
  assert.equal(filled('{{甲}}', { 甲: '{{乙}}', 乙: '丙' }), '{{乙}}');
});

test('an answer is sent without its marks, a hidden number keeps its stars', () => {
  assert.equal(withoutMarks('**先挂失**，再**补卡**。'), '先挂失，再补卡。');
  assert.equal(withoutMarks('身份证3301************18，帮我'), '身份证3301************18，帮我');
  assert.equal(withoutMarks(undefined), '');
});

test('canned replies are found by title first, then by their words', () => {
  const replies = [{ title: '结束语', text: '问候您' }, { title: '问候', text: '您好' }];
  assert.deepEqual(matching(replies, '问候').map((r) => r.title), ['问候', '结束语']);
  assert.deepEqual(matching(replies, ''), replies);
});

test('waiting is told in minutes and seconds, and when it is too long', () => {
  assert.deepEqual([span(75), span(3723)], ['01:15', '1:02:03']);
  assert.deepEqual([urgency(29), urgency(30), urgency(180)], ['', 'soon', 'late']);
  assert.equal(seconds('2026-11-24T06:00:00Z', Date.parse('2026-11-24T05:59:00Z')), 0);
});

test('times are the bureau’s, not the device’s', () => {
  const now = Date.parse('2026-11-24T17:00:00Z');
  assert.equal(shown('2026-11-24T16:05:00Z', now), '00:05');
  assert.equal(shown('2026-11-24T06:05:00Z', now), '11-24 14:05');
  assert.equal(shown('2025-11-24T06:05:00Z', now), '2025-11-24 14:05');
  assert.equal(day('2026-11-23T17:00:00Z'), '2026-11-24');
  assert.equal(shown('kein', now), '');
});

test('a long conversation draws a hundred rows and can be read to its beginning and back', () => {
  let at = newest;
  assert.deepEqual(drawn(at, 30), { from: 0, to: 30 });
  assert.deepEqual(drawn(at, 1000), { from: 900, to: 1000 });
  let steps = 0;
  while (drawn(at, 1000).from > 0) {
    const before = drawn(at, 1000);
    at = earlier(at, 1000);
    const { from, to } = drawn(at, 1000);
    assert.ok(from < before.from && to - from <= ROWS && to > before.from);
    steps += 1;
  }
  assert.ok(steps < 25);
  while (at !== newest) at = later(at, 1000);
  assert.deepEqual(drawn(at, 1000), { from: 900, to: 1000 });
});

test('a page of older rows above does not move what is read', () => {
  const at = earlier(newest, 200);
  const { from, to } = drawn(at, 200);
  assert.deepEqual(drawn(shifted(at, 50), 250), { from: from + 50, to: to + 50 });
  assert.equal(shifted(newest, 50), newest);
});

function begin() {
  const clock = new Clock();
  const service = new FakeService();
  const heard = { links: [], frames: [], lives: 0 };
  const env = { WebSocket: service.WebSocket, setTimeout: clock.setTimeout, clearTimeout: clock.clearTimeout, random: () => 0.5 };
  const on = { link: (value) => heard.links.push(value), live: () => { heard.lives += 1; }, frame: (f) => heard.frames.push(f) };
  const line = new Line({ url: 'ws://desk', env, on });
  line.start();
  return { line, service, clock, heard };
}

const sent = (service, type = 'say') => service.socket.sent.filter((f) => f.type === type);

test('the desk’s line sends what has no ack again under the same id, once it lives', async () => {
  const { line, service, clock, heard } = begin();
  service.socket.open();
  line.send({ type: 'say', id: '1', text: '一' });
  line.send({ type: 'say', id: '2', text: '二' });
  line.send({ type: 'say', id: '2', text: '二' });
  service.socket.say({ type: 'ack', id: '1' });
  service.socket.drop();
  await clock.pass(1000);
  service.socket.open();
  assert.deepEqual(sent(service).map((f) => f.id), ['2']);
  assert.deepEqual(heard.links, ['connecting', 'live', 'lost', 'live']);
  assert.equal(heard.lives, 2);
});

test('what was refused is not sent again', async () => {
  const { line, service, clock } = begin();
  service.socket.open();
  line.send({ type: 'say', id: '1', text: '一' });
  service.socket.say({ type: 'error', id: '1', code: 'gone' });
  service.socket.drop();
  await clock.pass(1000);
  service.socket.open();
  assert.deepEqual(sent(service), []);
});

test('a command without an ack is told only to a live line', () => {
  const { line, service } = begin();
  assert.equal(line.tell({ type: 'accept', conversation: 'a' }), false);
  service.socket.open();
  assert.equal(line.tell({ type: 'accept', conversation: 'a' }), true);
  assert.equal(sent(service, 'accept').length, 1);
});

for (const [code, told] of [[4401, 'signed_out'], [4403, 'forbidden']]) {
  test(`a line closed with ${code} is not tried again`, async () => {
    const { service, clock, heard } = begin();
    service.socket.open();
    service.socket.drop(code);
    await clock.pass(600000);
    assert.equal(heard.links.at(-1), told);
    assert.equal(service.sockets.length, 1);
  });
}

test('a dead line is noticed, and a woken page tries at once', async () => {
  const { line, service, clock, heard } = begin();
  service.socket.open();
  await clock.pass(29000);
  assert.equal(heard.links.at(-1), 'lost');
  service.away = true;
  await clock.pass(60000);
  service.away = false;
  const before = service.sockets.length;
  line.wake();
  await settle();
  assert.equal(service.sockets.length, before + 1);
});

test('a server that only opens and closes is not met by a storm', async () => {
  const { service, clock } = begin();
  for (let n = 0; n < 600; n += 1) {
    service.socket.open();
    service.socket.drop(1011);
    await clock.pass(1000);
  }
  assert.ok(service.sockets.length < 70, String(service.sockets.length));
  assert.ok(backOff(30, 1) <= 15000);
});

test('an old socket is not heard any more', async () => {
  const { line, service, clock, heard } = begin();
  service.socket.open();
  const old = service.socket;
  line.sleep();
  await clock.pass(1000);
  old.say({ type: 'queue', waiting: [], count: 0 });
  assert.deepEqual(heard.frames, []);
});
