import assert from 'node:assert/strict';
import test from 'node:test';
import { acked, EMPTY, failed, hasGap, heard, lines, readUpTo, recalled, refused, said, staged, unread } from '../../channels/web/static/transcript.js';

const bot = (seq, text = `答 ${seq}`) => ({ seq, id: `m${seq}`, party: 'bot', text });
const mine = (seq, text, id = `m${seq}`) => ({ seq, id, party: 'citizen', text });
const keys = (t) => lines(t).map((l) => l.key);
const texts = (t) => lines(t).map((l) => l.message.text);

test('messages stand in order of their number, each once', () => {
  let t = EMPTY;
  for (const seq of [1, 3, 2, 3, 1]) t = heard(t, bot(seq));
  assert.deepEqual(t.messages.map((m) => m.seq), [1, 2, 3]);
  assert.equal(t.last, 3);
});

test('a repeated message changes nothing', () => {
  const t = heard(EMPTY, bot(1));
  assert.equal(heard(t, bot(1, 'another')), t);
});

test('what is not a numbered message is not heard', () => {
  for (const wrong of [null, {}, { seq: 0 }, { seq: '1' }, { seq: 1.5 }]) assert.equal(heard(EMPTY, wrong), EMPTY);
});

test('a gap is known until it is filled, and resuming asks from before it', () => {
  let t = heard(heard(EMPTY, bot(1)), bot(3));
  assert.equal(hasGap(t), true);
  assert.equal(t.last, 1);
  t = heard(t, bot(2));
  assert.equal(hasGap(t), false);
  assert.equal(t.last, 3);
});

test('a line said here stands at the end until it comes back', () => {
  let t = said(heard(EMPTY, bot(1)), { id: 'a', text: '问', at: 0 });
  assert.deepEqual(lines(t).map((l) => l.delivery), ['', 'sending']);
  t = heard(t, mine(2, '问', 'a'));
  assert.deepEqual(texts(t), ['答 1', '问']);
  assert.equal(lines(t)[1].delivery, 'delivered');
});

test('a line keeps its key when it comes back, so it is drawn once', () => {
  const before = said(EMPTY, { id: 'a', text: '问', at: 0 });
  assert.deepEqual(keys(before), keys(heard(before, mine(1, '问', 'a'))));
  assert.deepEqual(keys(before), keys(heard(acked(before, 'a', 1), mine(1, '问'))));
  assert.deepEqual(keys(before), keys(acked(heard(before, mine(1, '问')), 'a', 1)));
});

test('masked words replace what was written, found by the ack', () => {
  let t = said(EMPTY, { id: 'a', text: '身份证 330106195001011234', at: 0 });
  t = acked(t, 'a', 1);
  assert.equal(lines(t).length, 1);
  t = heard(t, mine(1, '身份证 3301************34'));
  assert.deepEqual(texts(t), ['身份证 3301************34']);
});

test('an acknowledged line stays in view until its message is here', () => {
  const t = acked(said(EMPTY, { id: 'a', text: '问', at: 0 }), 'a', 1);
  assert.deepEqual(texts(t), ['问']);
});

test('an ack that names an older message of the bot only clears the line', () => {
  let t = said(heard(EMPTY, bot(1)), { id: 'a', text: '选项', at: 0 });
  t = acked(t, 'a', 1);
  assert.deepEqual(keys(t), ['s1']);
});

test('two lines of the same words are two lines', () => {
  let t = said(said(EMPTY, { id: 'a', text: '喂', at: 0 }), { id: 'b', text: '喂', at: 1 });
  t = heard(t, mine(1, '喂'));
  t = heard(t, mine(2, '喂'));
  assert.deepEqual(keys(t), ['ca', 'cb']);
  assert.equal(t.pending.length, 0);
});

test('a refused line goes, a failed one stays and says so', () => {
  const t = said(EMPTY, { id: 'a', text: '问', at: 0 });
  assert.deepEqual(lines(refused(t, 'a')), []);
  assert.equal(lines(failed(t, 'a'))[0].delivery, 'failed');
});

test('a recalled message loses its words', () => {
  const t = recalled(heard(EMPTY, bot(1, '秘密')), 1);
  assert.equal(JSON.stringify(t).includes('秘密'), false);
  assert.equal(t.messages[0].recalled, true);
  assert.equal(recalled(t, 1), t);
  assert.equal(recalled(t, 9), t);
});

test('only the last own line tells its delivery, and being read', () => {
  let t = heard(heard(heard(EMPTY, mine(1, '一')), bot(2)), mine(3, '二'));
  assert.deepEqual(lines(t).map((l) => l.delivery), ['', '', 'delivered']);
  t = readUpTo(t, 3);
  assert.equal(lines(t)[2].delivery, 'read');
  assert.equal(readUpTo(t, 2), t);
});

test('unread counts what others said since, without notices and recalled words', () => {
  let t = EMPTY;
  for (const m of [bot(1), mine(2, '问'), bot(3), { seq: 4, party: 'system', text: '接入' }, { seq: 5, party: 'agent', text: '您好' }, bot(6)]) t = heard(t, m);
  assert.equal(unread(recalled(t, 6), 1), 2);
});

test('a state replaces the one before, and only numbers are places', () => {
  let t = staged(EMPTY, { type: 'state', stage: 'waiting', position: 3, wait_seconds: 240 });
  assert.deepEqual([t.state.position, t.state.wait_seconds], [3, 240]);
  t = staged(t, { stage: 'waiting', position: '<b>', wait_seconds: -1 });
  assert.deepEqual([t.state.position, t.state.wait_seconds], [undefined, undefined]);
  assert.equal(staged(t, {}), t);
  assert.equal(staged(t, null), t);
});

test('any order and any repetition give the same transcript', () => {
  const all = Array.from({ length: 20 }, (_, n) => (n % 3 ? bot(n + 1) : mine(n + 1, `问 ${n}`)));
  const inOrder = all.reduce(heard, EMPTY);
  for (let turn = 0; turn < 50; turn += 1) {
    const mixed = [...all, ...all.slice(0, turn % 20)].sort((a, b) => ((a.seq * 7919 + turn * 104729) % 31) - ((b.seq * 7919 + turn * 104729) % 31));
    assert.deepEqual(mixed.reduce(heard, EMPTY), inOrder);
  }
});
