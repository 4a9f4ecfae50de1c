/** How many messages may still be pushed to a citizen in WeChat, and what waits: shown above what is written. */
import { shown } from './clock.js';
import { html, useEffect, useState } from './preact.js';
import { read } from './rest.js';

const EVERY = 4000;

export function Reach({ chat }) {
  const { conversation } = chat;
  const [reach, setReach] = useState(null);
  useEffect(() => {
    let gone = false;
    const look = () => read(`/desk/conversations/${conversation}/reach`).then((told) => gone || setReach(told.reach), () => {});
    look();
    const timer = setInterval(look, EVERY);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [conversation, chat.stage]);
  const told = reach && words(reach);
  return told ? html`<p class=${`tiny ${told.bad ? 'warn' : 'muted'}`} role="status" data-reach>${told.text}</p>` : null;
}

/** What the agent should know, in one line. (pure) */
export function words(reach) {
  if (!reach.reachable) return { bad: true, text: '市民已取消关注公众号，消息送不到。' };
  const waits = reach.waiting ? `，有 ${reach.waiting} 条还没送到` : '';
  if (!reach.left) return { bad: true, text: `微信剩余 0 条${waits}。市民再发一条消息才能送达，请先写好，会排着。` };
  const until = reach.until ? `，${shown(reach.until, Date.now())} 前有效` : '';
  return { bad: reach.left <= 2, text: `微信剩余 ${reach.left} 条${until}${waits}。短句会合成一条发。` };
}
