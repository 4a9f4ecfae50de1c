/** The message form: topic, words, telephone and consent; wrong fields are named above their boxes. */
import { fill, h, say } from './dom.js';
import { errorWords } from './words.js';

const NAMES = ['topic', 'text', 'phone', 'consent'];
const ABOUT_TEXT = ['empty', 'too_long', 'not_text'];
let made = 0;

/**
 * @param {{ w: any, card?: any, settled?: boolean, open: boolean, oncancel?: () => void,
 *           onsend: (values: any, on: { taken(): void, refused(error: any): void }) => void }} parts
 */
export function makeForm({ w, card = {}, settled = false, open, onsend, oncancel }) {
  const root = h('section', { class: 'letter letter--form', 'aria-label': w.formTitle });
  if (settled) return fill(root, done(w));

  made += 1;
  const id = (name) => `form-${made}-${name}`;
  const topics = (Array.isArray(card.topics) ? card.topics : []).map((t) => (typeof t === 'string' ? t : t?.name)).filter(Boolean);
  const topic = topics.length
    ? h('select', { class: 'input' }, h('option', { value: '' }, w.formChoose), topics.map((t) => h('option', { value: t, lang: 'zh-CN' }, t)))
    : h('input', { class: 'input', type: 'text', maxlength: '60', value: card.topic ?? '' });
  const fields = {
    topic: field('topic', w.formTopic, '', topic),
    text: field('text', w.formText, w.formTextHint, h('textarea', { class: 'input', rows: '3', value: card.text ?? '' })),
    phone: field('phone', w.formPhone, w.formPhoneHint, h('input', { class: 'input', type: 'tel', inputmode: 'tel', autocomplete: 'tel' })),
    consent: consent(),
  };
  const summary = h('p', { class: 'error', role: 'alert', hidden: true });
  const submit = h('button', { class: 'btn btn--primary grow', type: 'submit' }, w.formSend);
  if (open) show();
  else fill(root, h('button', { class: 'btn btn--human btn--wide', type: 'button', onclick: () => { show(); fields.topic.box.focus(); } }, w.formOpen));
  return root;

  function show() {
    fill(root, h('h3', { class: 'card-title' }, w.formTitle),
      h('form', { class: 'stack', novalidate: true, onsubmit: send }, NAMES.map((name) => fields[name].node), summary,
        h('div', { class: 'row' }, submit, oncancel && h('button', { class: 'btn btn--plain', type: 'button', onclick: oncancel }, w.formCancel))));
  }

  function field(name, label, hint, box) {
    box.id = id(name);
    const wrong = h('p', { class: 'error', id: id(`${name}-error`), hidden: true });
    box.setAttribute('aria-describedby', `${id(`${name}-error`)} ${id(`${name}-hint`)}`);
    const node = h('div', { class: 'field' }, h('label', { for: box.id }, label), wrong, box, hint && h('p', { class: 'hint', id: id(`${name}-hint`) }, hint));
    return { node, box, wrong };
  }

  function consent() {
    const box = h('input', { type: 'checkbox', id: id('consent'), 'aria-describedby': id('consent-error') });
    const wrong = h('p', { class: 'error', id: id('consent-error'), hidden: true });
    return { node: h('div', { class: 'field' }, wrong, h('label', { class: 'check', for: box.id }, box, h('span', null, w.formConsent))), box, wrong };
  }

  function send(event) {
    event.preventDefault();
    const values = { topic: value('topic'), text: value('text'), phone: value('phone'), consent: fields.consent.box.checked };
    clear();
    const missing = [!values.topic && ['topic', w.needTopic], !values.text && ['text', w.needText], [...values.text].length > 500 && ['text', w.errors.too_long],
      !/\d(?:[\s-]*\d){6,}/.test(values.phone) && ['phone', w.needPhone], !values.consent && ['consent', w.needConsent]].filter(Boolean);
    for (const [name, sentence] of missing) mark(name, sentence);
    if (missing.length) return fields[missing[0][0]].box.focus();
    busy(true);
    onsend(values, { taken, refused });
  }

  function taken() {
    const focused = root.contains(root.getRootNode().activeElement);
    fill(root, done(w));
    if (focused) root.firstElementChild.focus();
  }

  /** The server's error names its field, or its code does; else it stands above the button. */
  function refused(error) {
    busy(false);
    const name = ABOUT_TEXT.includes(error.code) ? 'text' : NAMES.find((n) => n === error.field || String(error.code).includes(n));
    const sentence = error.code === 'empty' ? w.needText : errorWords(w, error);
    if (!name) {
      summary.hidden = false;
      return say(summary, sentence);
    }
    mark(name, sentence);
    fields[name].box.focus();
  }

  function value(name) {
    return fields[name].box.value.trim();
  }

  function mark(name, sentence) {
    fields[name].wrong.hidden = false;
    say(fields[name].wrong, sentence);
    fields[name].box.setAttribute('aria-invalid', 'true');
  }

  function clear() {
    summary.hidden = true;
    for (const name of NAMES) {
      fields[name].wrong.hidden = true;
      fields[name].box.removeAttribute('aria-invalid');
    }
  }

  function busy(on) {
    submit.disabled = on;
    say(submit, on ? w.formSending : w.formSend);
  }
}

function done(w) {
  return h('p', { class: 'lead', tabindex: '-1' }, w.formDone);
}
