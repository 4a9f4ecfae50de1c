import assert from 'node:assert/strict';
import test from 'node:test';
import { conversationMemory } from '../../channels/web/static/memory.js';
import { link } from '../../channels/web/static/basis.js';
import { valid } from '../../channels/web/static/welcome.js';

function storage(held = new Map()) {
  return { getItem: (k) => held.get(k) ?? null, setItem: (k, v) => held.set(k, v), removeItem: (k) => held.delete(k) };
}

const barred = { getItem() { throw new Error(); }, setItem() { throw new Error(); }, removeItem() { throw new Error(); } };

test('what is written is read, merged and forgotten', () => {
  const store = storage();
  const memory = conversationMemory(store);
  memory.write({ id: 'a' });
  memory.write({ token: 't' });
  assert.deepEqual(conversationMemory(store).read(), { id: 'a', token: 't' });
  memory.forget();
  assert.deepEqual(memory.read(), {});
});

test('what another tab forgot is forgotten here', () => {
  const store = storage();
  const memory = conversationMemory(store);
  memory.write({ id: 'a' });
  conversationMemory(store).forget();
  assert.deepEqual(memory.read(), {});
});

for (const [name, store] of [['barred', barred], ['missing', null]]) {
  test(`${name} storage lasts as long as the page`, () => {
    const memory = conversationMemory(store);
    memory.write({ id: 'a' });
    assert.deepEqual(memory.read(), { id: 'a' });
    memory.forget();
    assert.deepEqual(memory.read(), {});
  });
}

test('broken storage is an empty memory', () => {
  for (const text of ['{', '5', '[]', 'null']) {
    assert.deepEqual(conversationMemory(storage(new Map([['shebao-yida.conversation', text]]))).read(), {});
  }
});

test('only web addresses become links', () => {
  assert.equal(link('https://a.cn/x'), 'https://a.cn/x');
  for (const bad of ['javascript:alert(1)', 'data:text/html,x', '//a.cn', ' https://a.cn', 'https://a b', '', null, undefined]) assert.equal(link(bad), '');
});

test('a notice holds through its last day in China', () => {
  const notices = [{ text: '有', until: '2026-11-22' }, { text: '无期' }, { until: '2099-01-01' }];
  assert.deepEqual(valid(notices, Date.parse('2026-11-22T23:00:00+08:00')).map((n) => n.text), ['有', '无期']);
  assert.deepEqual(valid(notices, Date.parse('2026-11-23T00:00:00+08:00')).map((n) => n.text), ['无期']);
  assert.deepEqual(valid(undefined), []);
});

test('a replaced record keeps nothing of the one before', () => {
  const storage = new Map();
  const memory = conversationMemory({ getItem: (k) => storage.get(k) ?? null, setItem: (k, v) => storage.set(k, v), removeItem: (k) => storage.delete(k) });
  memory.write({ id: 'a', token: 't', seen: 3 });
  memory.replace({ id: 'b', token: 'u' });
  assert.deepEqual(memory.read(), { id: 'b', token: 'u' });
});
