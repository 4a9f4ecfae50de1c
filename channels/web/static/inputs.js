/** The fields of a calculator, each with its label, hint and error; `value()` is in machine form, empty when not answered. */
import { h, say } from './dom.js';
import { sentence } from './page.js';
import { machine, months } from './written.js';

const SPANS = { months: '年', age: '岁' };
const UNITS = { year: '年', days: '天', grade: '级' };
const HINTS = { month: '写年和月，比如 2030 年 5 月。', date: '写年、月、日，比如 2026 年 1 月 15 日。' };

/** @param {any} field @param {() => void} changed */
export function input(field, changed) {
  const make = field.kind === 'choice' || field.kind === 'yes_no' ? radios : SPANS[field.unit] ? span : box;
  const error = h('p', { class: 'error', id: `${field.name}-error`, hidden: true });
  const hint = field.hint || HINTS[field.kind];
  const about = [error.id, hint && `${field.name}-hint`].filter(Boolean).join(' ');
  const name = [field.ask, !field.required && h('small', { class: 'muted' }, '（可以不填）')];
  const made = make(field, about, name, [hint && h('p', { class: 'hint', id: `${field.name}-hint` }, sentence(hint)), error], changed);

  return {
    ...made,
    field,
    wrong(text) {
      error.hidden = !text;
      say(error, text);
      for (const node of made.marked ?? made.stops) {
        if (text) node.setAttribute('aria-invalid', 'true');
        else node.removeAttribute('aria-invalid');
      }
    },
    focus: () => (made.stops.find((stop) => stop.checked) ?? made.stops[0]).focus(),
  };
}

/** What is missing or cannot be, as far as it can be seen here. */
export function fault({ field, value }) {
  if (!value()) return !field.required ? '' : field.options.length && !['money', 'number', 'count'].includes(field.kind) ? '请选一项。' : '请填这一项。';
  const n = Number(value());
  if (!SPANS[field.unit] || Number.isNaN(n)) return '';
  if (field.lowest !== null && n < field.lowest) return `不能少于${spoken(field, field.lowest)}，请核对后再填。`;
  return field.highest !== null && n > field.highest ? `不能多于${spoken(field, field.highest)}，请核对后再填。` : '';
}

function spoken({ unit }, n) {
  return [Math.floor(n / 12) && ` ${Math.floor(n / 12)} ${SPANS[unit]}`, n % 12 && ` ${n % 12} 个月`].filter(Boolean).join('');
}

function radios(field, about, name, above, changed) {
  const options = field.options.length ? field.options : [{ value: 'yes', label: '是' }, { value: 'no', label: '不是' }];
  const stops = options.map(({ value }) => h('input', {
    type: 'radio', name: field.name, value, checked: !field.required && value === field.default, onchange: changed,
  }));
  const node = h('fieldset', { class: 'field', role: 'radiogroup', 'aria-describedby': about }, h('legend', null, name), above,
    options.map(({ label }, n) => h('label', { class: 'check option' }, stops[n], h('span', null, label))));
  return { node, stops, marked: [node], value: () => stops.find((stop) => stop.checked)?.value ?? '' };
}

function span(field, about, name, above, changed) {
  const stops = [SPANS[field.unit], '个月'].map((unit) => h('input', {
    class: 'input', type: 'text', inputmode: 'numeric', autocomplete: 'off', 'aria-label': unit, 'aria-describedby': about, oninput: changed,
  }));
  const node = h('fieldset', { class: 'field' }, h('legend', null, name), above,
    h('div', { class: 'units' }, stops[0], h('span', { 'aria-hidden': 'true' }, SPANS[field.unit]), stops[1], h('span', { 'aria-hidden': 'true' }, '个月')));
  return { node, stops, value: () => months(stops[0].value, stops[1].value) };
}

/** A number, month or date; answers beside it, such as 不知道, are buttons below. */
function box(field, about, name, above, changed) {
  const unit = field.kind === 'money' ? '元' : UNITS[field.unit];
  const modes = { money: 'decimal', number: 'decimal', count: 'numeric' };
  let chosen = '';
  const stop = h('input', {
    class: 'input', id: field.name, type: 'text', inputmode: modes[field.kind], autocomplete: 'off', 'aria-describedby': about,
    oninput: () => choose(''),
  });
  const chips = field.options.map(({ value, label }) => h('button', {
    class: 'chip', type: 'button', 'aria-pressed': 'false', value, onclick: () => { stop.value = ''; choose(chosen === value ? '' : value); },
  }, label));

  function choose(value) {
    chosen = value;
    for (const chip of chips) chip.setAttribute('aria-pressed', String(chip.value === value));
    changed();
  }

  const node = h('div', { class: 'field' }, h('label', { for: field.name }, name), above,
    h('div', { class: unit ? 'units units--one' : 'units' }, stop, unit && h('span', null, unit)),
    chips.length > 0 && h('div', { class: 'row', role: 'group', 'aria-label': '也可以选' }, chips));
  return { node, stops: [stop], value: () => chosen || machine(field.kind, stop.value) };
}
