/** Calculators at the desk: filled in by the agent, the result sent to the citizen. */
import { LONGEST } from './guides.js';
import { html, useEffect, useState } from './preact.js';
import { query, read } from './rest.js';

const SHAPES = { month: '如 1976-08', date: '如 2026-01-15', money: '元' };
const UNITS = { months: '个月', age: '个月', days: '天', year: '年', grade: '级' };
const YES_NO = [{ value: 'yes', label: '是' }, { value: 'no', label: '不是' }];

export function Reckon({ send, edit }) {
  const [all, setAll] = useState([]);
  const [form, setForm] = useState(null);
  const [fault, setFault] = useState('');
  useEffect(() => {
    read('/calculators').then((told) => setAll(told.calculators), (problem) => setFault(problem.message));
  }, []);
  const choose = async (event) => {
    setFault('');
    const name = event.target.value;
    setForm(name ? await read(`/calculators/${encodeURIComponent(name)}`).then((told) => ({ ...told, name }), (problem) => setFault(problem.message)) : null);
  };
  return html`<section class="block"><h2><label for="reckon">算一算</label></h2>
    <select class="input" id="reckon" value=${form?.name ?? ''} onChange=${choose}>
      <option value="">选一个计算器</option>
      ${all.map((one) => html`<option key=${one.name} value=${one.name}>${one.title}</option>`)}
    </select>
    <div role="status">${fault ? html`<p class="error">${fault}</p>` : null}</div>
    ${form ? html`<${Form} key=${form.name} form=${form} send=${send} edit=${edit} />` : null}
  </section>`;
}

function Form({ form, send, edit }) {
  const [answers, setAnswers] = useState({});
  const [result, setResult] = useState(null);
  const [fault, setFault] = useState('');
  const fields = form.fields.filter((field) => wanted(field, answers));
  const put = (name, value) => {
    setResult(null);
    setAnswers({ ...answers, [name]: value.trim() });
  };
  async function reckon(event) {
    event.preventDefault();
    const missing = fields.find((field) => field.required && !answers[field.name]);
    if (missing) return setFault(`请填：${missing.ask}`);
    const asked = Object.fromEntries(fields.map((field) => [field.name, answers[field.name] ?? '']));
    try {
      setResult(await read(`/calculators/${encodeURIComponent(form.name)}/result${query(asked)}`));
      setFault('');
    } catch (problem) {
      setResult(null);
      setFault(problem.message);
    }
    return undefined;
  }
  return html`<form class="stack" onSubmit=${reckon}>
    ${fields.map((field) => html`<div class="field" key=${field.name}><label for=${`r-${field.name}`}>${field.ask}${field.required ? '' : '（可以不填）'}</label><${Input} field=${field} value=${answers[field.name] ?? ''} put=${put} /></div>`)}
    <div role="alert">${fault ? html`<p class="error">${fault}</p>` : null}</div>
    <button class="btn btn--sm">算</button>
    ${result ? html`<article class="suggest suggest--whole"><p class="suggest__q">${result.title}</p><p class="suggest__a">${result.lines.join('\n')}</p>
      ${send ? html`<div class="row"><button class="btn btn--sm" type="button" onClick=${() => send(said(result))}>发给市民<span class="vh">：${result.title}</span></button>
        <button class="btn btn--sm" type="button" onClick=${() => edit(said(result))}>改一改再发</button></div>` : null}</article>` : null}</form>`;
}

function Input({ field, value, put }) {
  const options = field.kind === 'yes_no' ? YES_NO : field.kind === 'choice' ? field.options : [];
  const own = { class: 'input', id: `r-${field.name}`, value };
  if (options.length) return html`<select ...${own} onChange=${(e) => put(field.name, e.target.value)}><option value="">请选</option>${options.map((o) => html`<option key=${o.value} value=${o.value}>${o.label}</option>`)}</select>`;
  return html`<input ...${own} autocomplete="off" placeholder=${SHAPES[field.kind] ?? UNITS[field.unit] ?? ''} onInput=${(e) => put(field.name, e.target.value)} />`;
}

/** As the citizens' page: asked when what it depends on was answered so, and not when another answer made it needless. */
export function wanted(field, answers) {
  return Object.entries(field.when).every(([name, values]) => values.includes(answers[name])) && !field.unless.some((name) => answers[name]);
}

function said(result) {
  return [result.title, ...result.lines].join('\n').slice(0, LONGEST);
}
