/** What this bureau is called and which topics it knows, as the service station says it. */
import { read } from './rest.js';

let facts = { city: '', topics: [] };

export async function loadPlace() {
  facts = await read('/station').catch(() => facts);
}

export function city() {
  return facts.city ?? '';
}

/** "pension.min_years" → "养老保险"; a topic that nobody lists is simply a question. */
export function topicName(topic) {
  const group = String(topic ?? '').split('.')[0];
  return facts.topics.find((t) => t.key === group)?.name ?? '咨询';
}

/** The skills that agents may have: the groups of topics. @returns {{ key: string, name: string }[]} */
export function skills() {
  return facts.topics;
}
