/** 命中测试: the live path on any version, with everything that led to the answer. */
import { Fault, Field } from './dialog.js';
import { html, useEffect, useState } from './preact.js';
import { post, read, remove } from './rest.js';

const OUTCOMES = { answer: '答复', clarify: '反问', refuse: '不答', handoff: '转人工', smalltalk: '寒暄' };
const ARMS = { exact: '原句', lexical: '字词', dense: '语义', phonetic: '读音', topic: '主题' };

export function Trial({ me }) {
  const [text, setText] = useState(() => decodeURIComponent(location.hash.split('?')[1] ?? ''));
  const [channel, setChannel] = useState('web');
  const [version, setVersion] = useState('');
  const [versions, setVersions] = useState([]);
  const [told, setTold] = useState(null);
  const [questions, setQuestions] = useState([]);
  const [said, setSaid] = useState('');
  const [fault, setFault] = useState('');
  const mayPublish = me.rights.includes('publish');

  const load = () => read('/knowledge/regressions').then((found) => setQuestions(found.questions), (problem) => setFault(problem.message));
  useEffect(() => {
    load();
    if (mayPublish) read('/knowledge/versions').then((found) => setVersions(found.versions.filter((v) => v.status !== 'building')), () => {});
  }, []);

  async function go(event) {
    event.preventDefault();
    if (!text.trim()) return setFault('请写一个问题');
    setSaid('');
    try {
      setTold(await post('/knowledge/try', { text: text.trim(), channel, version: version || null }));
      return setFault('');
    } catch (problem) {
      return setFault(problem.message);
    }
  }
  async function keep() {
    try {
      await post('/knowledge/regressions', { text: text.trim(), entry: told.entry ?? '', outcome: told.outcome, must_pass: true });
      setSaid('已存为必过问题，以后每个版本都要答对');
      load();
    } catch (problem) {
      setFault(problem.message);
    }
  }

  return html`<h1 class="page-title">命中测试</h1>
    <form class="card" onSubmit=${go}><${Field} id="try-text" label="市民的问题"><input class="input" id="try-text" maxlength="500" value=${text} onInput=${(e) => setText(e.target.value)} /><//>
      <div class="row"><label>渠道 <select class="input auto" value=${channel} onChange=${(e) => setChannel(e.target.value)}><option value="web">网页</option><option value="wechat">微信</option><option value="voice">电话</option></select></label>
        ${versions.length ? html`<label>版本 <select class="input auto" value=${version} onChange=${(e) => setVersion(e.target.value)}><option value="">线上</option>${versions.map((v) => html`<option key=${v.id} value=${v.id}>${v.id.slice(0, 8)}</option>`)}</select></label>` : null}
        <button class="btn btn--primary" type="submit">试一试</button></div></form>
    <${Fault} text=${fault} />
    ${told ? html`<section class="card" aria-label="结果"><div class="row row--between"><h2>${told.entry ? html`<a href=${`#entries?${encodeURIComponent(told.entry)}`}>${told.entry}</a>` : '没有命中条目'} <span class="tag">${OUTCOMES[told.outcome] ?? told.outcome}</span></h2><button class="btn" type="button" onClick=${keep}>存为必过问题</button></div>
      <p role="status" class="small">${said}</p><p class="said">${told.text.replaceAll('**', '')}</p>
      <dl class="facts"><dt>规则</dt><dd>${told.rule}</dd><dt>把握</dt><dd class="num">${told.score}（答复线 ${told.bands.answer}，拒答线 ${told.bands.refuse}，属社保 ${told.ours}）</dd><dt>意图</dt><dd>${told.nlu.intent || '没有'} <span class="num">${told.nlu.confidence}</span>（${told.nlu.engine}）</dd><dt>版本</dt><dd class="num">${told.version}</dd></dl>
      <div class="scroll-x" tabindex="0" role="region" aria-label="候选条目"><table class="table table--tight"><thead><tr><th>候选条目</th><th class="r">把握</th>${Object.values(ARMS).map((name) => html`<th class="r" key=${name}>${name}</th>`)}</tr></thead>
        <tbody>${told.candidates.map((c) => html`<tr key=${c.entry}><td><a href=${`#entries?${encodeURIComponent(c.entry)}`}>${c.question}</a></td><td class="r">${c.score}</td>${Object.keys(ARMS).map((arm) => html`<td class="r" key=${arm}>${c.arms[arm]?.toFixed(3) ?? ''}</td>`)}</tr>`)}</tbody></table></div></section>` : null}
    <section class="card" aria-label="必过问题"><h2>必过问题</h2>${questions.length ? html`<ul>${questions.map((q) => html`<li class="row" key=${q.id}><span class="grow">${q.text} → ${q.entry || OUTCOMES[q.outcome]}</span>${me.rights.includes('review') ? html`<button class="btn btn--sm" type="button" onClick=${() => remove(`/knowledge/regressions/${q.id}`).then(load, (problem) => setFault(problem.message))}>去掉<span class="vh">${q.text}</span></button>` : null}</li>`)}</ul>` : html`<p class="muted">还没有必过问题</p>`}</section>`;
}
