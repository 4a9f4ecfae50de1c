/** A signed link, as WeChat's messages carry it: `/#go=…` opens its conversation on this device, once. */
import { conversationMemory } from './memory.js';

const MARK = '#go=';

/** The link in the page's address; it is taken out at once, so that it is neither kept nor sent on. */
export function takeLink(place = location, past = history) {
  if (!place.hash.startsWith(MARK)) return '';
  past.replaceState(null, '', place.pathname + place.search);
  return decodeURIComponent(place.hash.slice(MARK.length));
}

/** Goes on with the link's conversation; gives the sentence to show when it opens nothing any more. */
export async function follow(link, fetching = (...args) => fetch(...args), memory = conversationMemory()) {
  try {
    const answer = await fetching('/api/v1/links', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ link }),
    });
    const told = await answer.json();
    if (!answer.ok) return told.detail || '这个链接打不开，请回到微信里再取一个。';
    memory.replace({ id: told.id, token: told.token });
    return '';
  } catch {
    return '没有连上网络，请检查后回到微信里再取一个链接。';
  }
}
