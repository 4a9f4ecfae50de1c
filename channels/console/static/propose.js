/** What the desk misses in the knowledge, said to those who keep it. */
import { Dialog, Fault } from './dialog.js';
import { newId } from './line.js';
import { html, useState } from './preact.js';
import { post } from './rest.js';

const LONGEST = 500;

export function ProposeDialog({ chat, close }) {
  const question = asked(chat);
  const [id] = useState(newId);
  const [text, setText] = useState('');
  const [fault, setFault] = useState('');
  const [done, setDone] = useState(false);

  async function propose(event) {
    event.preventDefault();
    event.stopPropagation();
    try {
      await post('/knowledge/proposals', { id, text: text.trim(), question: question.slice(0, LONGEST) });
      setDone(true);
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<${Dialog} title="提给知识库" close=${close}>
    ${done
      ? html`<p role="status">已提交，由知识审核员处理。</p><div class="row row--end"><button class="btn btn--primary" type="button" onClick=${close}>好</button></div>`
      : html`<div class="stack"><${Fault} text=${fault} />
        ${question ? html`<p class="small muted">市民的问题：${question}</p>` : null}
        <div class="field"><label for="proposal">知识库缺什么，或哪里不对</label><textarea class="input" id="proposal" rows="4" maxlength=${LONGEST} value=${text} onInput=${(e) => setText(e.target.value)}></textarea></div>
        <div class="row row--end"><button class="btn" type="button" onClick=${close}>取消</button><button class="btn btn--primary" type="button" disabled=${!text.trim()} onClick=${propose}>提交</button></div></div>`}
  <//>`;
}

/** The last words to the agent, else the last question that the bot had an answer for. */
function asked({ messages, context }) {
  const begun = messages.findLastIndex((m) => m.because === 'human_begins');
  const said = messages.slice(begun + 1).filter((m) => m.party === 'citizen');
  return (begun < 0 ? null : said.at(-1)?.text) ?? (context.answers ?? []).filter((a) => a.entry).at(-1)?.question ?? '';
}
