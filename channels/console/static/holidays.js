/** 节假日: the days of a year that differ from their weekday. */
import { Fault } from './dialog.js';
import { day as today } from './moments.js';
import { html, useEffect, useState } from './preact.js';
import { put, read } from './rest.js';

const WEEKDAYS = ['周日', '周一', '周二', '周三', '周四', '周五', '周六'];

export function Holidays() {
  const [year, setYear] = useState(Number(today().slice(0, 4)));
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');
  const [kept, setKept] = useState('');
  const [fresh, setFresh] = useState({ day: '', works: false, name: '' });

  useEffect(() => {
    setTold(null);
    setKept('');
    read(`/holidays/${year}`).then((found) => { setTold(found); setFault(''); }, (problem) => setFault(problem.message));
  }, [year]);

  async function keep(days, words) {
    try {
      setTold(await put(`/holidays/${year}`, { days: [...days].sort((a, b) => (a.day < b.day ? -1 : 1)) }));
      setKept(words);
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }

  function add(event) {
    event.preventDefault();
    if (!fresh.day) return setFault('请选日期');
    if (!fresh.day.startsWith(String(year))) return setFault(`请选 ${year} 年的日期`);
    keep([...told.days.filter((d) => d.day !== fresh.day), fresh], `已保存 ${fresh.day}`);
    return setFresh({ ...fresh, day: '' });
  }

  return html`<div class="row row--between"><h1 class="page-title">节假日</h1>
      <span class="row"><button class="btn btn--sm" type="button" disabled=${year <= 2025} onClick=${() => setYear(year - 1)}>${year - 1} 年</button><b class="num" aria-live="polite">${year} 年</b><button class="btn btn--sm" type="button" onClick=${() => setYear(year + 1)}>${year + 1} 年</button></span></div>
    <p class="hint">只列和平时不一样的日子：放假的工作日，和要上班的周末。到期日和人工服务时间按它算，一分钟内生效。</p>
    <${Fault} text=${fault} /><p role="status" class="small">${kept}</p>
    ${told && !told.known ? html`<p class="note">${year} 年还没有节假日：先按平时的周一到周五算，答复里会注明“以公布为准”。</p>` : null}
    <section class="card"><form class="row" onSubmit=${add}>
      <label class="vh" for="h-day">日期</label><input class="input auto" id="h-day" type="date" min=${`${year}-01-01`} max=${`${year}-12-31`} value=${fresh.day} onInput=${(e) => setFresh({ ...fresh, day: e.target.value })} />
      <label class="vh" for="h-works">放假还是上班</label><select class="input auto" id="h-works" value=${fresh.works ? 'works' : 'off'} onChange=${(e) => setFresh({ ...fresh, works: e.target.value === 'works' })}><option value="off">放假</option><option value="works">上班（调休）</option></select>
      <label class="vh" for="h-name">名称</label><input class="input auto" id="h-name" placeholder="名称，如 国庆节" maxlength="64" value=${fresh.name} onInput=${(e) => setFresh({ ...fresh, name: e.target.value })} />
      <button class="btn btn--primary" type="submit">加上</button></form>
      <ul class="days">${(told?.days ?? []).map((d) => html`<li key=${d.day} class="row"><span class="num">${d.day}</span><span class="muted">${WEEKDAYS[new Date(`${d.day}T00:00:00Z`).getUTCDay()]}</span>
        <span class=${d.works ? 'tag tag--warn' : 'tag tag--human'}>${d.works ? '上班' : '放假'}</span><span class="grow">${d.name}</span>
        <button class="btn btn--plain btn--sm" type="button" onClick=${() => keep(told.days.filter((other) => other.day !== d.day), `已删去 ${d.day}`)}>删去<span class="vh"> ${d.day}</span></button></li>`)}</ul></section>`;
}
