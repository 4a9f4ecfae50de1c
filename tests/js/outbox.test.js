import assert from 'node:assert/strict';
import test from 'node:test';
import { backOff, newId, Outbox } from '../../channels/web/static/outbox.js';

test('a frame is kept once and taken once', () => {
  const box = new Outbox();
  box.add({ id: 'a', type: 'say', text: '一' });
  box.add({ id: 'a', type: 'say', text: '一' });
  assert.equal(box.frames.length, 1);
  assert.equal(box.take('a').text, '一');
  assert.equal(box.take('a'), undefined);
});

test('an error that names an unknown frame blames nobody', () => {
  const box = new Outbox();
  box.add({ id: 'a', type: 'say' });
  assert.equal(box.blamed({ id: 'x' }), undefined);
  assert.equal(box.blamed({ id: 'a' }).id, 'a');
  assert.equal(box.blamed({}).id, 'a');
});

test('only what was said is rescued', () => {
  const box = new Outbox();
  for (const [id, type] of [['a', 'say'], ['b', 'choose'], ['c', 'human'], ['d', 'say']]) box.add({ id, type });
  assert.deepEqual(box.rescue().map((f) => f.id), ['a', 'd']);
  assert.deepEqual(box.frames, []);
});

test('waiting doubles to 20 s with the upper half at random', () => {
  assert.deepEqual([0, 1, 2, 5, 6, 99].map((n) => backOff(n, 1)), [500, 1000, 2000, 16000, 20000, 20000]);
  assert.equal(backOff(0, 0), 250);
});

test('ids differ, with and without randomUUID', () => {
  const plain = { getRandomValues: (bytes) => globalThis.crypto.getRandomValues(bytes) };
  const ids = new Set(Array.from({ length: 100 }, (_, n) => newId(n % 2 ? undefined : plain)));
  assert.equal(ids.size, 100);
});
