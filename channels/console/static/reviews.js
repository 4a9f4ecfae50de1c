/** 审核: what waits for a second pair of eyes, each with its difference to what answers now. */
import { shown } from './clock.js';
import { Diff } from './diff.js';
import { Fault } from './dialog.js';
import { html, useEffect, useState } from './preact.js';
import { post, query, read } from './rest.js';
import { StateTag } from './states.js';

export function Reviews({ me }) {
  const [list, setList] = useState(null);
  const [next, setNext] = useState(null);
  const [fault, setFault] = useState('');
  const [told, setTold] = useState('');

  async function load(after = null) {
    try {
      const found = await read(`/knowledge/entries${query({ state: 'in_review', after, limit: 100 })}`);
      setList((old) => (after ? [...old, ...found.entries] : found.entries));
      setNext(found.next);
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    load();
  }, []);

  async function approveAll() {
    let done = 0;
    for (const one of list.filter((e) => e.author !== me.username)) {
      try {
        await post(`/knowledge/reviews/${encodeURIComponent(one.id)}`, { revision: one.revision, decision: 'approve' });
        done += 1;
      } catch (problem) {
        setFault(`${one.question}：${problem.message}`);
      }
    }
    setTold(`批准了 ${done} 条`);
    load();
  }

  return html`<div class="row row--between"><h1 class="page-title">待审核</h1>${list?.length > 1 ? html`<button class="btn" type="button" onClick=${approveAll}>全部批准</button>` : null}</div>
    <${Fault} text=${fault} /><p role="status" class="small">${told}</p>
    ${list === null && !fault ? html`<p class="muted">正在取待审核的条目</p>` : null}${list && !list.length ? html`<p class="muted">没有待审核的条目</p>` : null}
    ${(list ?? []).map((one) => html`<${Review} key=${`${one.id}.${one.revision}`} one=${one} me=${me} done=${(words) => { setTold(words); load(); }} />`)}
    ${next ? html`<div><button class="btn" type="button" onClick=${() => load(next)}>再看一些</button></div>` : null}`;
}

function Review({ one, me, done }) {
  const [whole, setWhole] = useState(null);
  const [reason, setReason] = useState('');
  const [fault, setFault] = useState('');
  useEffect(() => {
    read(`/knowledge/entries/${encodeURIComponent(one.id)}`).then(setWhole, (problem) => setFault(problem.message));
  }, []);

  async function decide(decision) {
    try {
      await post(`/knowledge/reviews/${encodeURIComponent(one.id)}`, { revision: one.revision, decision, reason: reason.trim() });
      done(decision === 'approve' ? `已批准：${one.question}` : `已退回：${one.question}`);
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<article class="card" aria-label=${one.question}><div class="row row--between"><div><h2><a href=${`#entries?${encodeURIComponent(one.id)}`}>${one.question}</a></h2><p class="small muted">${one.author.startsWith('(') ? '随新版本' : one.author} ${shown(one.changed_at, Date.now())} 送审${one.note ? ` · ${one.note}` : ''}</p></div><${StateTag} entry=${one} /></div>
    ${one.pointer ? html`<p class="note note--info">摘自《${one.pointer.file}》第 ${one.pointer.paragraph} 段：${one.pointer.text}</p>` : null}
    ${whole ? html`<${Diff} changes=${whole.changes} before=${whole.live ? '线上' : '线上没有'} after=${one.removed ? '删除' : '送审稿'} />` : null}
    <${Fault} text=${fault} />
    ${one.author === me.username ? html`<p class="hint">自己写的内容要由另一位同事审核。</p>` : html`<div class="row"><label class="vh" for=${`r-${one.id}`}>意见</label><input class="input grow" id=${`r-${one.id}`} placeholder="意见，退回时要写" value=${reason} onInput=${(e) => setReason(e.target.value)} />
      <button class="btn" type="button" onClick=${() => decide('reject')}>退回</button><button class="btn btn--primary" type="button" onClick=${() => decide('approve')}>批准</button></div>`}</article>`;
}
