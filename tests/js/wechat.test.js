import assert from 'node:assert/strict';
import { test } from 'node:test';
import { follow, takeLink } from '../../channels/web/static/linked.js';

test('a link is taken out of the address at once', () => {
  const seen = [];
  const past = { replaceState: (...told) => seen.push(told[2]) };
  assert.equal(takeLink({ hash: '#go=a.b.c.d', pathname: '/', search: '?x=1' }, past), 'a.b.c.d');
  assert.deepEqual(seen, ['/?x=1']);
  assert.equal(takeLink({ hash: '#talk', pathname: '/', search: '' }, past), '');
});

test('a link that opens is remembered on this device', async () => {
  const kept = [];
  const answer = { ok: true, json: async () => ({ id: 'c', token: 't', messages: [] }) };
  assert.equal(await follow('l', async () => answer, { replace: (told) => kept.push(told) }), '');
  assert.deepEqual(kept, [{ id: 'c', token: 't' }]);
});

test('a link that is over says so, and nothing is forgotten', async () => {
  const answer = { ok: false, json: async () => ({ detail: '已经过期' }) };
  assert.equal(await follow('l', async () => answer, { replace: assert.fail }), '已经过期');
  assert.match(await follow('l', async () => { throw new Error('offline'); }, { replace: assert.fail }), /没有连上/);
});
