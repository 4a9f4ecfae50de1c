import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as chats from '../../channels/console/static/chat.js';
import { EMPTY, held, mine, next, toOpen } from '../../channels/console/static/desk.js';

const T0 = Date.parse('2026-11-24T06:30:00Z');
const at = (s) => new Date(T0 + s * 1000).toISOString();
const message = (seq, party, text, more = {}) => ({ type: 'message', conversation: 'a', seq, id: `${party}-${seq}`, party, text, at: at(seq), ...more });

function after(...events) {
  return events.reduce((desk, event, n) => next(desk, event, T0 + n), EMPTY);
}

const assigned = { type: 'assigned', conversation: 'a' };
const live = { type: 'link', value: 'live' };
const queue = (...ids) => ({ type: 'queue', waiting: [], count: 0, mine: ids });
const say = (id, text = '您好') => ({ type: 'said', frame: { type: 'say', conversation: 'a', id, text } });

test('an offer stands until it is taken, here or elsewhere', () => {
  const offer = { type: 'offer', conversation: 'a', expires_at: at(20), context: { topic: '养老' } };
  const offered = after(offer, offer);
  assert.equal(offered.offers.length, 1);
  const taken = next(offered, { type: 'offer_gone', conversation: 'a', taken_by: 'b' }, T0);
  assert.deepEqual(taken.offers, []);
  assert.match(taken.notices[0].text, /别的坐席/);
  const accepted = next(offered, assigned, T0);
  assert.deepEqual(accepted.offers, []);
  assert.equal(accepted.chats.a.context.topic, '养老');
  assert.equal(accepted.current, 'a');
});

test('what one accepts is shown, what one is given while working is not', () => {
  const working = after(live, queue(), assigned);
  assert.equal(next(working, { ...assigned, conversation: 'b' }, T0).current, 'a');
  const accepted = next(next(working, { type: 'taking', conversation: 'b' }, T0), { ...assigned, conversation: 'b' }, T0);
  assert.equal(accepted.current, 'b');
});

test('an offer whose end nobody told ends by itself', () => {
  const offered = after({ type: 'offer', conversation: 'a', expires_at: at(20), context: {} });
  assert.equal(next(offered, { type: 'tick' }, T0 + 21_000).offers.length, 1);
  assert.equal(next(offered, { type: 'tick' }, T0 + 23_000).offers.length, 0);
});

test('a tick that changes nothing draws nothing', () => {
  const desk = after(assigned, message(1, 'citizen', '在吗'));
  assert.equal(next(desk, { type: 'tick' }, T0 + 1000), desk);
});

test('messages stand in the order of their numbers, each once, however they arrive', () => {
  const desk = after(assigned, message(3, 'citizen', '三'), message(1, 'bot', '一'), message(2, 'citizen', '二'), message(2, 'citizen', '二'));
  assert.deepEqual(desk.chats.a.messages.map((m) => m.text), ['一', '二', '三']);
});

test('words are sending until they come back as a message, and stand once', () => {
  const sending = after(assigned, say('x'));
  assert.equal(chats.rows(sending.chats.a)[0].kind, 'unsent');
  const kept = next(sending, message(1, 'agent', '您好', { id: 'x' }), T0);
  assert.deepEqual(chats.rows(kept.chats.a).map((r) => r.kind), ['message']);
});

test('words without an ack are shown as not sent, and sent again under the same id', () => {
  const desk = next(after(live, assigned, say('x')), { type: 'tick' }, T0 + 60_000);
  assert.equal(desk.chats.a.unsent[0].state, 'failed');
  const again = next(desk, { type: 'retried', conversation: 'a', id: 'x' }, T0 + 61_000);
  assert.deepEqual([again.chats.a.unsent[0].id, again.chats.a.unsent[0].state], ['x', 'sending']);
});

test('while the line is gone words wait, and their time begins when it is back', () => {
  const lost = after(live, assigned, { type: 'link', value: 'lost' }, say('x'));
  const later = next(lost, { type: 'tick' }, T0 + 60_000);
  assert.equal(later.chats.a.unsent[0].state, 'sending');
  const back = next(later, live, T0 + 60_000);
  assert.equal(next(back, { type: 'tick' }, T0 + 61_000).chats.a.unsent[0].state, 'sending');
  assert.equal(next(back, { type: 'tick' }, T0 + 70_000).chats.a.unsent[0].state, 'failed');
});

test('an error with the id of words stands at the words, any other above the desk', () => {
  const desk = after(assigned, say('x'), { type: 'error', code: 'gone', message: '', id: 'x' });
  assert.deepEqual([desk.chats.a.unsent[0].state, desk.notices.length], ['failed', 0]);
  const full = next(desk, { type: 'error', code: 'full', message: '' }, T0);
  assert.match(full.notices[0].text, /接待已满/);
});

test('a note stands among the messages where it was written, and has its own numbers', () => {
  const note = { type: 'note', conversation: 'a', seq: 1, id: 'n1', text: '提醒', at: at(2.5) };
  const desk = after(assigned, message(2, 'citizen', '二'), message(3, 'agent', '三'), note);
  assert.deepEqual(chats.rows(desk.chats.a).map((r) => r.kind), ['message', 'note', 'message']);
  const asking = [{ type: 'asked', conversation: 'a' }, live, queue('a')].reduce((d, e) => next(d, e, T0), desk);
  assert.deepEqual(toOpen(asking), [{ type: 'open', conversation: 'a', after: 3, after_note: 1 }]);
});

test('unread counts the citizen’s words that the agent has neither seen nor answered', () => {
  const desk = after(assigned, message(1, 'citizen', '一'), { type: 'chosen', conversation: 'a' }, message(2, 'citizen', '二'), message(3, 'citizen', '三'));
  assert.equal(chats.unread(desk.chats.a), 2);
  assert.equal(chats.unread(next(desk, { type: 'looked' }, T0).chats.a), 0);
  assert.equal(chats.unread(next(desk, message(4, 'agent', '四'), T0).chats.a), 0);
});

test('what the bot answered before the agent came is not unread', () => {
  assert.equal(chats.unread(after(assigned, message(1, 'citizen', '一'), message(2, 'bot', '二')).chats.a), 0);
});

test('a citizen waits from the first word after the last of an agent', () => {
  const chat = (...more) => after(assigned, ...more).chats.a;
  assert.equal(chats.waitsSince(chat(message(1, 'citizen', '一'), message(2, 'citizen', '二'))), at(1));
  assert.equal(chats.waitsSince(chat(message(1, 'citizen', '一'), message(2, 'agent', '二'))), null);
  assert.equal(chats.waitsSince(chat(message(1, 'agent', '一'), message(2, 'citizen', '二'), message(3, 'citizen', '三'))), at(2));
});

test('what the server says is owed holds until somebody speaks after it', () => {
  const state = { type: 'state', conversation: 'a', stage: 'agent', last_seq: 2, owed_since: at(50) };
  const chat = (...more) => after(assigned, message(1, 'citizen', '一'), message(2, 'bot', '二'), state, ...more).chats.a;
  assert.equal(chats.waitsSince(chat()), at(50));
  assert.equal(chats.waitsSince(chat(message(3, 'citizen', '三'))), at(50));
  assert.equal(chats.waitsSince(chat(message(3, 'agent', '三'))), null);
  assert.equal(chats.waitsSince(chat(message(3, 'agent', '三'), message(4, 'citizen', '四'))), at(4));
});

test('who has waited longest stands first, closed conversations last', () => {
  const of = (conversation, seq, party) => ({ ...message(seq, party, '字'), conversation });
  const desk = after(
    assigned, { ...assigned, conversation: 'b' }, { ...assigned, conversation: 'c' }, { ...assigned, conversation: 'd' },
    of('a', 2, 'agent'), of('b', 9, 'citizen'), of('c', 3, 'citizen'), { type: 'state', conversation: 'd', stage: 'closed' },
  );
  assert.deepEqual(mine(desk).map((c) => c.conversation), ['c', 'b', 'a', 'd']);
  assert.equal(held(desk), 3);
});

test('a new line brings what is ours now: what was given away is gone, what we hold keeps its words', () => {
  const before = after(live, queue(), assigned, { type: 'asked', conversation: 'a' }, message(1, 'citizen', '一'), { ...assigned, conversation: 'b' }, { type: 'link', value: 'lost' });
  const desk = [live, queue('a', 'c')].reduce((d, e) => next(d, e, T0), before);
  assert.deepEqual(Object.keys(desk.chats).sort(), ['a', 'c']);
  assert.equal(desk.chats.a.messages.length, 1);
  assert.match(desk.notices[0].text, /转给了别人/);
  assert.deepEqual(toOpen(desk), [{ type: 'open', conversation: 'a', after: 1, after_note: 0 }, { type: 'open', conversation: 'c' }]);
});

test('each conversation is asked for once a line, and not before we know that it is ours', () => {
  const waiting = after(live, queue(), assigned);
  assert.equal(toOpen(waiting).length, 1);
  const asked = next(waiting, { type: 'asked', conversation: 'a' }, T0);
  assert.deepEqual(toOpen(asked), []);
  const again = next(next(asked, { type: 'link', value: 'lost' }, T0), live, T0);
  assert.deepEqual(toOpen(again), []);
  assert.equal(toOpen(next(again, queue('a'), T0)).length, 1);
});

test('what came by itself before a conversation was asked for does not hide its beginning', () => {
  const desk = after(live, assigned, message(7, 'citizen', '七'), queue('a'));
  assert.deepEqual(toOpen(desk), [{ type: 'open', conversation: 'a' }]);
});

test('a watched conversation is watched again on a new line', () => {
  const desk = after(live, queue(), { type: 'watched', conversation: 'w' }, { type: 'asked', conversation: 'w' }, live, queue());
  assert.deepEqual(toOpen(desk), [{ type: 'watch', conversation: 'w' }]);
});

test('a later list of the queue takes no conversation away', () => {
  const desk = after(live, queue(), assigned, queue());
  assert.deepEqual(Object.keys(desk.chats), ['a']);
});

test('an unsent word outlives the lost line', () => {
  const desk = after(assigned, say('x'), { type: 'link', value: 'lost' }, live, queue('a'));
  assert.equal(desk.chats.a.unsent[0].id, 'x');
});

test('a conversation that somebody else holds leaves the list, a closed one stays to be read', () => {
  const desk = after(
    assigned, { ...assigned, conversation: 'b' }, { type: 'unassigned', conversation: 'a', reason: 'taken_over' },
    { type: 'state', conversation: 'b', stage: 'closed' }, { type: 'unassigned', conversation: 'b', reason: 'closed' },
  );
  assert.deepEqual(Object.keys(desk.chats), ['b']);
  assert.equal(desk.current, 'b');
  assert.match(desk.notices[0].text, /班长/);
});

test('frames of conversations that are not here, and unknown frames, change nothing', () => {
  const desk = after(assigned);
  for (const frame of [{ ...message(1, 'citizen', '一'), conversation: 'zz' }, { type: 'nonsense' }, { type: 'constructor' }]) {
    assert.equal(next(desk, frame, T0), desk);
  }
});

test('a message can be recalled for two minutes, and then shows nothing of its words', () => {
  const own = message(1, 'agent', '错了');
  assert.ok(chats.mayRecall(own, Date.parse(own.at) + 119_000));
  assert.ok(!chats.mayRecall(own, Date.parse(own.at) + 121_000));
  const desk = after(assigned, own, { type: 'recalled', conversation: 'a', seq: 1 });
  assert.deepEqual([desk.chats.a.messages[0].text, desk.chats.a.messages[0].recalled], ['', true]);
});

test('ten thousand messages of history are taken in one step, quickly', () => {
  const all = Array.from({ length: 10_000 }, (_, n) => message(n + 1, n % 2 ? 'bot' : 'citizen', `第 ${n}`));
  const begun = performance.now();
  const desk = after(assigned, { type: 'history', conversation: 'a', messages: all, notes: [] });
  assert.equal(chats.rows(desk.chats.a).length, 10_000);
  assert.ok(performance.now() - begun < 500);
});

test('whatever order frames come in, the same words stand there', () => {
  let seed = 7;
  const chance = () => (seed = (seed * 1103515245 + 12345) % 2147483648) / 2147483648;
  for (let round = 0; round < 50; round += 1) {
    const frames = Array.from({ length: 20 }, (_, n) => message(n + 1, chance() < 0.5 ? 'citizen' : 'agent', `词${n}`));
    const mixed = [...frames, ...frames].map((f) => [chance(), f]).sort((a, b) => a[0] - b[0]).map(([, f]) => f);
    const desk = after(assigned, ...mixed);
    assert.deepEqual(desk.chats.a.messages, frames);
  }
});
