/** The mark and the icons, as lines on a 24 grid; each stands beside a word or has a label. */
import { html } from './preact.js';

const LINES = {
  web: 'M20.500 12a8.500 8.500 0 1 1-17 0 8.500 8.500 0 0 1 17 0ZM3.500 12h17M12 3.500c5 5.500 5 11.500 0 17M12 3.500c-5 5.500-5 11.500 0 17',
  wechat: 'M15.5 8.500C15 5.8 12.4 4 9.5 4 6 4 3 6.5 3 9.800c0 1.8.9 3.3 2.3 4.400L4.8 16.500l2.6-1.3M21 14.700c0-2.7-2.5-4.7-5.5-4.700S10 12 10 14.700s2.5 4.8 5.5 4.800c.7 0 1.4-.1 2-.3l2.2 1.1-.5-1.900c1.1-.9 1.8-2.2 1.8-3.700Z',
  voice: 'M8.2 4H5.500A1.5 1.5 0 0 0 4 5.600C4.6 13.5 10.5 19.4 18.4 20a1.5 1.5 0 0 0 1.6-1.500v-2.700l-4.3-1.6-1.7 1.900a12 12 0 0 1-6.1-6.100l1.9-1.700L8.2 4Z',
  down: 'm6 9 6 6 6-6',
  search: 'M17.500 11a6.500 6.500 0 1 1-13 0 6.500 6.500 0 0 1 13 0ZM16 16l4.500 4.500',
  warn: 'M12 4 2.8 20h18.4L12 4ZM12 10v4.5M12 17.5v.01',
  info: 'M21 12a9 9 0 1 1-18 0 9 9 0 0 1 18 0ZM12 11v5.500M12 7.800v.01',
  shield: 'M12 3.500 5 6v5.500c0 4.500 3 7.500 7 9 4-1.500 7-4.500 7-9V6l-7-2.500ZM8.800 12l2.400 2.400 4.200-4.400',
  close: 'm6 6 12 12M18 6 6 18',
  plus: 'M12 5v14M5 12h14',
  bell: 'M6 16.500V11a6 6 0 0 1 12 0v5.500l1.500 1.500h-15L6 16.500ZM10 20.500h4',
  route: 'M8.500 6a2.500 2.500 0 1 1-5 0 2.500 2.500 0 0 1 5 0ZM20.500 18a2.500 2.500 0 1 1-5 0 2.500 2.500 0 0 1 5 0ZM8.500 6H15a3 3 0 0 1 0 6H9a3 3 0 0 0 0 6h6.500',
};

export function Icon({ name }) {
  return html`<svg class="i" viewBox="0 0 24 24" aria-hidden="true" focusable="false"><path d=${LINES[name] ?? LINES.info} /></svg>`;
}

export function Mark() {
  return html`<svg class="mark" viewBox="0 0 36 36" aria-hidden="true" focusable="false">
    <path fill="currentColor" fill-rule="evenodd" d="M10 1h16a9 9 0 0 1 9 9v16a9 9 0 0 1-9 9H10a9 9 0 0 1-9-9V10a9 9 0 0 1 9-9Zm-.5 8A2.5 2.5 0 0 0 7 11.500v10A2.500 2.500 0 0 0 9.500 24h5.300l3.200 4 3.200-4h5.300a2.500 2.500 0 0 0 2.500-2.500v-10A2.500 2.500 0 0 0 26.500 9h-17Z" />
    <path d="m12.600 16.600 3.700 3.600 7.200-7.300" fill="none" stroke="currentColor" stroke-width="2.8" stroke-linecap="round" stroke-linejoin="round" />
  </svg>`;
}

const CHANNELS = { web: '网页', wechat: '微信', voice: '电话' };

/** The channel as a picture, and as a word for those who hear the page. */
export function Channel({ name }) {
  return html`<${Icon} name=${CHANNELS[name] ? name : 'web'} />`;
}

export function channelName(name) {
  return CHANNELS[name] ?? name ?? '网页';
}
