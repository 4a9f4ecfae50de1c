/** 审计日志: who did what, for those who keep watch. */
import { Table } from './board.js';
import { Fault } from './dialog.js';
import { shownAt } from './moments.js';
import { html, useEffect, useState } from './preact.js';
import { query, read } from './rest.js';

/** In plain words; what is not named here is shown as it is kept. */
const ACTIONS = {
  signed_in: '登录', signed_out: '退出', sign_in_failed: '登录失败', account_created: '新建账号', account_changed: '修改账号', password_changed: '修改密码', password_reset: '重设密码',
  notice_posted: '发公告', notice_changed: '改公告', notice_ended: '结束公告', channel_switched: '渠道开关', holidays_changed: '改节假日',
  phone_shown: '查看电话', ticket_closed: '办结工单', watched: '旁听', taken_over: '接管', whispered: '悄悄话', assigned: '改派', accepted_by_hand: '手动接入',
  conversations_searched: '查询会话', conversation_read: '查看会话', conversations_exported: '导出会话', figures_exported: '导出数据', answers_recalled: '答复追溯', answers_exported: '导出答复追溯',
  question_settled: '处理问题', proposal_made: '提出知识建议', proposal_decided: '审定知识建议', feedback_taken: '认领反馈', feedback_closed: '办结反馈',
};

export function AuditLog() {
  const [rows, setRows] = useState(null);
  const [next, setNext] = useState(null);
  const [fault, setFault] = useState('');

  async function load(before) {
    try {
      const page = await read(`/audit${query({ before, limit: 100 })}`);
      setRows((old) => (before ? [...(old ?? []), ...page.rows] : page.rows));
      setNext(page.next);
      setFault('');
    } catch (problem) {
      setFault(problem.message);
    }
  }
  useEffect(() => {
    load();
  }, []);

  return html`<div class="row row--between"><h1 class="page-title">审计日志</h1><button class="btn" type="button" onClick=${() => load()}>刷新</button></div>
    <p class="hint">每一行都按前一行加了校验，改过会被查出来。最新的在最上面。</p>
    <${Fault} text=${fault} />
    ${rows === null ? html`<p class="muted">${fault ? '' : '正在取日志'}</p>` : html`<section class="card"><${Table} label="审计日志" head=${['序号', '时间', '谁', '做了什么', '对象', '详情', '地址']}>
      ${rows.map((r) => html`<tr key=${r.seq}><td class="num">${r.seq}</td><td class="num nowrap">${shownAt(r.at)}</td><td>${r.actor || '—'}</td><td class="nowrap">${ACTIONS[r.action] ?? r.action}</td><td class="wrap">${r.subject}</td><td class="wrap small">${detail(r.detail)}</td><td class="num">${r.address}</td></tr>`)}<//>
      ${next ? html`<div><button class="btn" type="button" onClick=${() => load(next)}>再看一些</button></div>` : null}</section>`}`;
}

function detail(told) {
  return Object.entries(told).map(([key, value]) => `${key}：${typeof value === 'object' ? JSON.stringify(value) : value}`).join('；');
}
