import assert from 'node:assert/strict';
import test from 'node:test';
import { tickMemory } from '../../channels/web/static/memory.js';
import { machine, months } from '../../channels/web/static/written.js';

test('a month is read however it is written', () => {
  for (const text of ['1976-08', '1976-8', '1976.8', '1976/08', '1976年8月', ' 1976 年 8 月 ', '１９７６年８月', '197608']) {
    assert.equal(machine('month', text), '1976-08', text);
  }
});

test('so is a date', () => {
  for (const text of ['2026-01-15', '2026.1.15', '2026年1月15日', '2026年1月15号', '20260115']) {
    assert.equal(machine('date', text), '2026-01-15', text);
  }
});

test('what is no month is given on as it is, for the server to refuse', () => {
  for (const text of ['', '去年', '1976', '76', '1976年', '一九七六年八月']) assert.equal(machine('month', text), text);
  assert.equal(machine('date', '2026-01'), '2026-01');
});

test('a number loses its commas and its unit', () => {
  assert.equal(machine('money', '7,500 元'), '7500');
  assert.equal(machine('money', '７５００．５'), '7500.5');
  assert.equal(machine('count', ' 12 '), '12');
});

test('years and months are months', () => {
  assert.equal(months('25', ''), '300');
  assert.equal(months('3', '2'), '38');
  assert.equal(months('', '7'), '7');
  assert.equal(months('', ''), '');
  assert.match(months('三', ''), /三/);
});

test('ticks are kept by procedure', () => {
  const held = new Map();
  const store = { getItem: (k) => held.get(k) ?? null, setItem: (k, v) => held.set(k, v), removeItem: (k) => held.delete(k) };
  tickMemory(store).write({ a: ['身份证'] });
  tickMemory(store).write({ b: [] });
  assert.deepEqual(tickMemory(store).read(), { a: ['身份证'], b: [] });
});
