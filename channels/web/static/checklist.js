/** A list to tick off, print and send on; what is ticked stays on this device. */
import { copyText } from './clipboard.js';
import { h, say } from './dom.js';
import { icon } from './icons.js';
import { tickMemory } from './memory.js';

/** @param {string} id of the procedure @param {{ name: string, heading: string, lines: string[] }[]} groups */
export function checklist(id, groups) {
  const memory = tickMemory();
  const boxes = [];
  const progress = h('p', { class: 'tiny num', role: 'status' });
  const clear = h('button', { class: 'btn btn--plain btn--sm', type: 'button', onclick: untick }, '清空勾选');
  const copied = h('span', null, '复制链接');
  const copy = h('button', { class: 'btn', type: 'button', onclick: copyLink }, icon('copy'), copied);

  function ticked() {
    const kept = memory.read()[id];
    return Array.isArray(kept) ? kept : [];
  }

  function keep() {
    memory.write({ [id]: boxes.filter((box) => box.checked).map((box) => box.value) });
    tell();
  }

  function untick() {
    for (const box of boxes) box.checked = false;
    keep();
    boxes[0].focus(); // the button itself goes
  }

  function tell() {
    const done = boxes.filter((box) => box.checked).length;
    say(progress, done === boxes.length ? `${done} 项都备好、办好了` : `已勾 ${done} 项，共 ${boxes.length} 项`);
    clear.hidden = !done;
  }

  async function copyLink() {
    if (!(await copyText(location.href, copy))) return;
    say(copied, '已复制');
    setTimeout(() => say(copied, '复制链接'), 2000);
  }

  function item(text, number) {
    const box = h('input', { type: 'checkbox', value: text, checked: ticked().includes(text), onchange: keep });
    boxes.push(box);
    return h('li', null, h('label', { class: 'check' }, box, h('span', null, number > 0 && h('b', { class: 'num' }, `${number}. `), text)));
  }

  const lists = groups.map(({ name, heading, lines }) => h('div', { class: 'ticks' }, h('h3', null, heading),
    h(name === 'steps' ? 'ol' : 'ul', null, lines.map((line, n) => item(line, name === 'steps' ? n + 1 : 0)))));
  tell();
  return h('section', { class: 'pane checklist', 'aria-labelledby': 'checklist' },
    h('div', { class: 'checklist__head' }, h('h2', { id: 'checklist' }, '办事清单'), progress), lists,
    h('p', { class: 'row' }, h('button', { class: 'btn btn--primary', type: 'button', onclick: () => print() }, icon('print'), '打印清单'), copy, clear),
    h('p', { class: 'tiny' }, '勾选记在这台设备上，下次打开还在。复制链接发到另一台设备，能看到同一份清单，勾选不带过去。'));
}
