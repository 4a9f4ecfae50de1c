/** Guides at the desk: the agent answers what the case depends on, then sends the citizen one section after the other. */
import { html, useEffect, useState } from './preact.js';
import { query, read } from './rest.js';

export const LONGEST = 1800; // characters of one message, below what the desk may send

export function Guides({ send, edit }) {
  const [all, setAll] = useState([]);
  const [name, setName] = useState('');
  const [answers, setAnswers] = useState({});
  const [guide, setGuide] = useState(null);
  const [fault, setFault] = useState('');
  useEffect(() => {
    read('/procedures').then((told) => setAll(told.procedures), (problem) => setFault(problem.message));
  }, []);
  useEffect(() => {
    if (!name) {
      setGuide(null);
      return undefined;
    }
    let gone = false;
    read(`/procedures/${encodeURIComponent(name)}${query(answers)}`).then(
      (told) => {
        if (gone) return;
        setFault('');
        setGuide(told);
      },
      (problem) => gone || setFault(problem.message),
    );
    return () => {
      gone = true;
    };
  }, [name, answers]);
  const choose = (event) => {
    setAnswers({});
    setName(event.target.value);
  };
  return html`<section class="block"><h2><label for="guide">办事指南</label></h2>
    <select class="input" id="guide" value=${name} onChange=${choose}>
      <option value="">选一件事</option>
      ${all.map((one) => html`<option key=${one.id} value=${one.id}>${one.title}</option>`)}
    </select>
    <div role="status">${fault ? html`<p class="error">${fault}</p>` : null}</div>
    ${guide ? html`<${Case} guide=${guide} answer=${(field, value) => setAnswers({ ...answers, [field]: value })} again=${() => setAnswers({})} send=${send} edit=${edit} />` : null}
  </section>`;
}

function Case({ guide, answer, again, send, edit }) {
  const [text, setText] = useState('');
  const asked = guide.question;
  const given = guide.given.map((one) => one.label).join('、');
  return html`${given ? html`<p class="small muted">${given} <button class="btn btn--quiet btn--sm" type="button" onClick=${again}>重选</button></p>` : null}
    ${asked ? html`<p>${asked.ask}</p>
      ${asked.options.length
        ? html`<div class="row">${asked.options.map((option) => html`<button key=${option.value} class="btn btn--sm" type="button" onClick=${() => answer(asked.name, option.value)}>${option.label}</button>`)}</div>`
        : html`<form class="row" onSubmit=${(event) => { event.preventDefault(); answer(asked.name, text.trim()); setText(''); }}>
            <input class="input" aria-label=${asked.ask} value=${text} onInput=${(event) => setText(event.target.value)} /><button class="btn btn--sm">好</button></form>`}`
      : guide.sections.map((section) => html`<article class="suggest suggest--whole" key=${section.name}>
        <p class="suggest__q">${section.heading}</p>
        <p class="suggest__a">${section.lines.join('\n')}</p>
        ${send ? html`<div class="row">
          <button class="btn btn--sm" type="button" onClick=${() => send(written(guide, section))}>发给市民<span class="vh">：${section.heading}</span></button>
          <button class="btn btn--sm" type="button" onClick=${() => edit(written(guide, section))}>改一改再发</button></div>` : null}
      </article>`)}`;
}

/** One section as the citizen reads it. */
export function written(guide, section) {
  const text = `${guide.title}（${section.heading}）\n${section.lines.map((line) => `· ${line}`).join('\n')}`;
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
