import assert from 'node:assert/strict';
import test from 'node:test';
import { blocks, plainText, spans, withoutChoices } from '../../channels/web/static/markup.js';

const kinds = (text) => blocks(text).map((b) => b.kind);

test('a bold first line is the conclusion', () => {
  const [lead, line] = blocks('**满 5 年，最长 18 个月。**\n从登记那天起算。');
  assert.deepEqual(lead, { kind: 'lead', spans: [{ text: '满 5 年，最长 18 个月。', bold: false }] });
  assert.equal(line.kind, 'line');
});

test('a full stop may stand outside the stars', () => {
  assert.deepEqual(blocks('**可以**。')[0].spans.map((s) => s.text).join(''), '可以。');
});

test('only the first line can be the conclusion, and only when all of it is bold', () => {
  assert.deepEqual(kinds('一\n**二**'), ['line', 'line']);
  assert.deepEqual(kinds('**一**半\n二'), ['line', 'line']);
});

test('lines that begin with a dash or a number are lists', () => {
  const [head, list, steps] = blocks('要带：\n- 身份证\n- **社保卡**\n1. 登记\n2. 申领');
  assert.equal(head.kind, 'line');
  assert.deepEqual(list.items.map((i) => i.spans[0]), [{ text: '身份证', bold: false }, { text: '社保卡', bold: true }]);
  assert.deepEqual(steps.items.map((i) => i.number), [1, 2]);
});

test('a list that is broken by a line goes on with its own numbers', () => {
  const found = blocks('1. 登记\n带身份证\n2. 申领');
  assert.deepEqual(found.map((b) => b.kind), ['steps', 'line', 'steps']);
  assert.equal(found[2].items[0].number, 2);
});

test('a date, a dash and an amount are not lists', () => {
  assert.deepEqual(kinds('2039.7 起\n-5 元\n12333'), ['line', 'line', 'line']);
});

test('stars without a partner stay as they were written', () => {
  assert.deepEqual(spans('5 ** 3'), [{ text: '5 ** 3', bold: false }]);
  assert.deepEqual(spans('a **b'), [{ text: 'a **b', bold: false }]);
});

test('nothing else is markup', () => {
  const evil = '<img src=x onerror=alert(1)> [x](javascript:1) # `c` _d_';
  assert.deepEqual(blocks(evil), [{ kind: 'line', spans: [{ text: evil, bold: false }] }]);
});

test('anything that is not text is an empty answer or its words', () => {
  for (const nothing of [null, undefined, '', '\n \n']) assert.deepEqual(blocks(nothing), []);
  assert.equal(blocks(5)[0].spans[0].text, '5');
});

test('the clipboard gets the words without their marks', () => {
  assert.equal(plainText('**可以。**\n带**身份证**'), '可以。\n带身份证');
});

test('a long answer with many stars is read in no time', () => {
  const started = Date.now();
  blocks('**'.repeat(20000));
  assert.ok(Date.now() - started < 500);
});

test('what the office must confirm and what was hidden are notes', () => {
  assert.deepEqual(kinds('号码已自动隐去，没有保存。\n**先挂失。**\n“渠道”这一点还没有核对到官方原文，请以 12333 答复为准。'), ['masked', 'lead', 'warn']);
  assert.deepEqual(kinds('以窗口为准。'), ['line']);
});

test('a hotline can be called, an amount cannot', () => {
  const phones = (text) => spans(text).filter((s) => s.phone).map((s) => s.text);
  assert.deepEqual(phones('请打 12333（社保）或 12393（医保）'), ['12333', '12393']);
  assert.deepEqual(phones('12345 元，112333，12333.5，12366元'), []);
  assert.deepEqual(spans('打 12333。').map((s) => s.text).join(''), '打 12333。');
});

test('a list that is drawn as buttons is not written twice', () => {
  const text = '哪一个？\n1. 养老怎么转\n2. 医保怎么转\n0. 都不是';
  assert.equal(withoutChoices(text, [{ label: '养老怎么转' }, { label: '医保怎么转' }, { label: '都不是' }]), '哪一个？');
  assert.equal(withoutChoices('1. 登记\n2. 申领', [{ label: '去哪里办' }]), '1. 登记\n2. 申领');
});
