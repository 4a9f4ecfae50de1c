/** How it looks on this device: 适老, light or dark, language; one for the page and the window in it. */
import { lookMemory } from './memory.js';

/** @typedef {{ elder: boolean, theme: 'auto' | 'light' | 'dark', locale: 'zh-CN' | 'en' }} Look */

const memory = lookMemory();
const watchers = new Set();
const dark = matchMedia('(prefers-color-scheme: dark)');
/** What the page's author asked for; what the citizen chose goes before it. @type {Partial<Look>} */
let asked = {};

dark.addEventListener?.('change', tell);

/** @param {Partial<Look>} wishes */
export function askFor(wishes) {
  asked = { ...asked, ...wishes };
}

/** @returns {Look} */
export function look() {
  const kept = memory.read();
  return {
    elder: typeof kept.elder === 'boolean' ? kept.elder : asked.elder ?? false,
    theme: pick(kept.theme, ['auto', 'light', 'dark']) ?? asked.theme ?? 'auto',
    locale: pick(kept.locale, ['zh-CN', 'en']) ?? asked.locale ?? 'zh-CN',
  };
}

/** `light` or `dark`, as drawn now. */
export function shade() {
  const { theme } = look();
  if (theme !== 'auto') return theme;
  return dark.matches ? 'dark' : 'light';
}

/** @param {Partial<Look>} change */
export function choose(change) {
  memory.write(change);
  tell();
}

/** Calls back at every change; gives a way to stop. */
export function onLook(changed) {
  watchers.add(changed);
  return () => watchers.delete(changed);
}

/** Puts the look on an element: the page's root or the window's host. */
export function wear(element) {
  const { elder, locale } = look();
  element.setAttribute('data-theme', shade());
  element.setAttribute('lang', locale);
  if (elder) element.setAttribute('data-elder', 'on');
  else element.removeAttribute('data-elder');
}

function pick(value, allowed) {
  return allowed.includes(value) ? value : undefined;
}

function tell() {
  for (const changed of watchers) changed();
}
