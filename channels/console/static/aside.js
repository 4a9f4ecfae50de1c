/** The right pane: what to answer, who and why, what the bot said, who came before, and the library. */
import { withoutMarks } from './canned.js';
import { day, shown } from './clock.js';
import { Guides } from './guides.js';
import { Icon, channelName } from './icons.js';
import { topicName } from './place.js';
import { html, useEffect, useState } from './preact.js';
import { Reckon } from './reckon.js';
import { query, read } from './rest.js';

const WHY = { answer: '命中条目', clarify: '请市民选', refuse: '没有把握，没有答', handoff: '转人工', smalltalk: '寒暄' };
const HOW = { closed: '结束', transferred: '转接', assigned: '改派', released: '交回机器人', taken_over: '班长接管', agent_lost: '断线', unanswered: '超时', left: '市民离开' };

// The entities of training_data/domain.yml that a conversation remembers.
const SLOTS = { insurance_type: '险种', city: '城市', person_group: '人群', months: '缴费月数', amount: '金额', date: '日期', birth: '出生', age: '年龄', sex: '性别' };

export function Aside({ chat, seat, edit }) {
  const { context, conversation } = chat;
  useEffect(() => {
    let gone = false;
    read(`/desk/conversations/${conversation}`).then(
      (told) => gone || seat.happen({ type: 'context', conversation, context: told }),
      () => {}, // the pane then shows what the offer said
    );
    return () => {
      gone = true;
    };
  }, [conversation, chat.asked, chat.stage]);
  const live = chat.owned && chat.stage === 'agent';
  return html`<aside class="pane pane--context" aria-label="市民情况与推荐答复">
    <div class="pane__scroll" tabindex="0" role="group" aria-label="市民情况与推荐答复">
      ${live ? html`<section class="block"><h2 class="bh"><span>推荐答复</span><span class="end tiny">按最后一句话</span></h2>
        ${chat.suggestions.length ? chat.suggestions.map((entry, n) => html`<${Entry} key=${entry.entry} entry=${entry} main=${n === 0} n=${n} edit=${edit} send=${(text) => seat.say('say', conversation, text)} />`) : html`<p class="small muted">市民说话后，这里给出可以直接用的答复</p>`}
      </section>` : null}
      <${Search} edit=${live ? edit : null} send=${live ? (text) => seat.say('say', conversation, text) : null} />
      <${Guides} edit=${live ? edit : null} send=${live ? (text) => seat.say('say', conversation, text) : null} />
      <${Reckon} edit=${live ? edit : null} send=${live ? (text) => seat.say('say', conversation, text) : null} />
      <${Facts} chat=${chat} />
      <${Answers} answers=${context.answers ?? []} />
      <${Before} services=${(context.services ?? []).filter((s) => s.ended_at)} tickets=${context.tickets ?? []} />
    </div>
  </aside>`;
}

function Entry({ entry, main, n, edit, send }) {
  const [whole, setWhole] = useState(false);
  const key = n !== undefined && n < 3 ? `Alt ${n + 1}` : '';
  return html`<article class=${`suggest${whole ? ' suggest--whole' : ''}`}>
    <p class="suggest__q">${entry.question}<span class="score num"><span class="vh">把握 </span>${Number(entry.score).toFixed(2)}</span></p>
    <p class="suggest__a">${withoutMarks(entry.text)}</p>
    <div class="row">
      ${send ? html`<button class=${`btn btn--sm${main ? ' btn--primary' : ''}`} type="button" onClick=${() => send(clean(entry.text))}>发送<span class="vh">：${entry.question}</span></button>
      <button class="btn btn--sm" type="button" onClick=${() => edit(clean(entry.text))}>改一改再发${key ? html` <span class="kbd" aria-hidden="true">${key}</span>` : null}</button>` : null}
      <button class="btn btn--quiet btn--sm" type="button" aria-expanded=${whole} onClick=${() => setWhole(!whole)}>${whole ? '收起' : '看全文'}</button></div>
  </article>`;
}

/** As the citizen's window shows an agent's words: plain. */
export function clean(text) {
  return withoutMarks(text);
}

const PAUSE = 250;

function Search({ edit, send }) {
  const [text, setText] = useState('');
  const [found, setFound] = useState(null);
  useEffect(() => {
    if (!text.trim()) {
      setFound(null);
      return undefined;
    }
    let gone = false;
    const timer = setTimeout(async () => {
      const told = await read(`/desk/search${query({ text: text.trim() })}`).catch((problem) => ({ fault: problem.message }));
      if (!gone) setFound(told);
    }, PAUSE);
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [text]);
  return html`<section class="block"><h2><label for="library">查知识库</label></h2>
    <input class="input" id="library" type="search" autocomplete="off" placeholder="问题或关键词" value=${text} onInput=${(e) => setText(e.target.value)} />
    <div role="status" class="stack">${found?.fault ? html`<p class="error">${found.fault}</p>` : found && !found.entries.length ? html`<p class="small muted">没有找到</p>` : null}
    ${(found?.entries ?? []).map((entry) => html`<${Entry} key=${entry.entry} entry=${entry} edit=${edit} send=${send} />`)}</div>
  </section>`;
}

function Facts({ chat }) {
  const { context } = chat;
  const slots = Object.entries(context.slots ?? {});
  const task = context.task;
  return html`<section class="block"><h2>已知情况</h2>
    <dl class="facts">
      <dt>渠道</dt><dd>${channelName(context.channel)}${context.scene ? ` · ${context.scene.replace('elder', '适老')}` : ''}</dd>
      <dt>事项</dt><dd>${topicName(context.topic)}</dd>
      <dt>身份</dt><dd>匿名市民</dd>
      ${context.asked_at ?? context.since ? html`<dt>求助</dt><dd class="num">${shown(context.asked_at ?? context.since, Date.now())}</dd>` : null}
      ${task ? html`<dt>正在办</dt><dd>${task.title} · ${task.step}</dd>` : null}
      ${slots.map(([name, value]) => html`<dt key=${name}>${SLOTS[name] ?? name}</dt><dd>${String(value)}</dd>`)}
      ${context.stars ? html`<dt>评价</dt><dd>${context.stars} 星</dd>` : null}
    </dl></section>`;
}

function Answers({ answers }) {
  if (!answers.length) return null;
  return html`<section class="block"><h2>机器人答过什么</h2>${answers.slice(-4).map((a) => html`<div key=${a.seq} class="answered">
    <p>${a.question || '（没有原话）'} ${a.score !== null && a.score !== undefined ? html`<span class="tag">把握 ${Number(a.score).toFixed(2)}</span>` : null}</p>
    <p class="small muted">${WHY[a.outcome] ?? ''}${a.entry ? ` ${a.entry}` : ''}${a.topic ? ` · ${topicName(a.topic)}` : ''}</p>
    ${a.because ? html`<details class="small"><summary>为什么这样答</summary><p class="muted">规则 ${a.because}</p><p>${clean(a.text ?? '')}</p></details>` : null}
  </div>`)}</section>`;
}

function Before({ services, tickets }) {
  return html`<section class="block"><h2>以前来过</h2>
    ${!services.length && !tickets.length ? html`<p class="small muted">没有记录</p>` : null}
    ${services.map((s, n) => html`<p class="small" key=${n}><span class="num">${day(s.began_at)}</span>　${[s.agent, HOW[s.how] ?? s.how, s.resolved === true ? '已解决' : s.resolved === false ? '未解决' : ''].filter(Boolean).join(' · ')}${s.remark ? html`<br /><span class="muted">${s.remark}</span>` : null}</p>`)}
    ${tickets.length ? html`<p class="small"><${Icon} name="info" />有 ${tickets.length} 张工单</p>` : null}
  </section>`;
}
