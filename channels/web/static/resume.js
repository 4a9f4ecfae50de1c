/** Going on with a conversation from another device: the code that was given there is entered here. */
import { fill, h, say } from './dom.js';
import { errorWords } from './words.js';

// Six digits; a procedure that is kept longer has twelve characters.
const CODE = /^(\d{6}|[0-9A-Z]{12})$/;

/**
 * @param {{ w: any, oncancel: () => void,
 *           onsend: (code: string, on: { taken(): void, refused(error: any): void }) => void }} parts
 */
export function makeResume({ w, onsend, oncancel }) {
  const box = h('input', {
    class: 'input', id: 'resume-code', type: 'text', inputmode: 'numeric', autocomplete: 'one-time-code', autocapitalize: 'characters',
    maxlength: '20', 'aria-describedby': 'resume-error resume-hint', oninput: () => wrong(''),
  });
  const error = h('p', { class: 'error', id: 'resume-error', role: 'alert', hidden: true });
  const submit = h('button', { class: 'btn btn--primary grow', type: 'submit' }, w.resumeSend);

  function send(event) {
    event.preventDefault();
    const code = box.value.normalize('NFKC').replace(/[\s-]/g, '').toUpperCase();
    if (!CODE.test(code)) return wrong(w.needCode);
    busy(true);
    onsend(code, {
      taken: () => busy(false),
      refused: (problem) => {
        busy(false);
        wrong(errorWords(w, problem));
      },
    });
  }

  function wrong(sentence) {
    error.hidden = !sentence;
    say(error, sentence);
    if (!sentence) return box.removeAttribute('aria-invalid');
    box.setAttribute('aria-invalid', 'true');
    box.focus();
  }

  function busy(on) {
    submit.disabled = on;
    say(submit, on ? w.resumeSending : w.resumeSend);
  }

  return fill(h('section', { class: 'letter letter--form', 'aria-label': w.resume }), h('h3', { class: 'card-title' }, w.resume),
    h('form', { class: 'stack', novalidate: true, onsubmit: send },
      h('div', { class: 'field' }, h('label', { for: box.id }, w.resumeCode), error, box, h('p', { class: 'hint', id: 'resume-hint' }, w.resumeHint)),
      h('div', { class: 'row' }, submit, h('button', { class: 'btn btn--plain', type: 'button', onclick: oncancel }, w.resumeCancel))));
}
