/** Procedures and calculators as pages: the list, or the one that the address names. */
import { showCalculator } from './calculator.js';
import { fill, h, say } from './dom.js';
import { showGuide } from './guide.js';
import { icon } from './icons.js';
import { choose, look, onLook, shade, wear } from './look.js';
import { get, head, titled, trouble } from './page.js';
import { fetchStation } from './welcome.js';
import { words } from './words.js';

const LISTS = {
  procedures: { title: '办事指南', about: '选一件事，回答几个问题，就能看到带什么、去哪办、怎么办。', of: (row) => row.id },
  calculators: { title: '算一算', about: '按您自己的情况算一算。填的内容只用来算这一次，不保存。', of: (row) => row.name },
};
const at = (id) => document.getElementById(id);
const [, kind, name] = location.pathname.split('/');

draw();
onLook(draw);
at('elder').addEventListener('click', () => choose({ elder: !look().elder }));
at('theme').addEventListener('click', () => choose({ theme: shade() === 'dark' ? 'light' : 'dark' }));
at('ways').querySelector(`[href="/${kind}"]`).setAttribute('aria-current', name ? 'true' : 'page');
nameSite();
if (!name) showList(at('main'), LISTS[kind]);
else if (kind === 'procedures') showGuide(at('main'));
else showCalculator(at('main'));

function draw() {
  const w = words('zh-CN');
  wear(document.documentElement);
  document.documentElement.lang = 'zh-CN'; // the guides are Chinese, whatever the window speaks
  say(at('elder'), look().elder ? w.standard : w.bigger);
  if (look().elder) at('elder').removeAttribute('aria-label');
  else at('elder').setAttribute('aria-label', w.biggerLabel);
  say(at('theme'), shade() === 'dark' ? '浅色' : '深色');
}

async function nameSite() {
  const station = await fetchStation('');
  if (!station) return;
  say(at('name'), station.name);
  say(at('city'), station.city);
}

async function showList(main, { title, about, of }) {
  const answer = await get(`/api/v1/${kind}`);
  if (answer.status !== 200) return fill(main, trouble(answer, null, () => showList(main, LISTS[kind])));
  titled(title);
  const groups = grouped(answer.body[kind]);
  fill(main, head(null, title, about), h('div', { class: 'groups' }, [...groups].map(([group, rows]) =>
    h('section', { class: 'group' }, h('h2', null, group), h('ul', { class: 'links' }, rows.map((row) =>
      h('li', null, h('a', { href: `/${kind}/${encodeURIComponent(of(row))}` },
        h('span', null, h('b', null, row.title), h('small', null, row.about)), icon('right')))))))));
}

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row.group, [...(groups.get(row.group) ?? []), row]);
  return groups;
}
