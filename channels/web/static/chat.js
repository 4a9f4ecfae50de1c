/** `<shebao-chat>`: the window in its shadow root, floating behind a launcher or inline in a page. */
import { h, say } from './dom.js';
import { mark } from './icons.js';
import { askFor, choose, look, onLook, shade, wear } from './look.js';
import { onOtherTab } from './memory.js';
import { dress } from './styles.js';
import { Talk } from './talk.js';
import { View } from './view.js';
import { onWake } from './wake.js';
import { fetchStation } from './welcome.js';
import { words } from './words.js';

/** Where the service lives, also under a path of a proxy and on a foreign page. */
const BASE = new URL('..', import.meta.url).href.replace(/\/$/, '');
const PHONE = '(max-width: 600px)';
// The head folds when the on-screen keyboard leaves so little.
const SHORT = 480;
const OPEN = 'shebao-yida.open';

export class ShebaoChat extends HTMLElement {
  #ready;
  #stops = [];
  #queued = false;
  #open = false;

  connectedCallback() {
    if (this.talk) return;
    this.inline = this.hasAttribute('inline');
    const theme = this.getAttribute('theme');
    askFor({
      ...(['light', 'dark'].includes(theme) ? { theme } : {}),
      ...(this.getAttribute('locale') ? { locale: this.getAttribute('locale') === 'en' ? 'en' : 'zh-CN' } : {}),
      ...(this.getAttribute('elder') === 'on' ? { elder: true } : {}),
    });
    const root = this.attachShadow({ mode: 'open' });
    this.talk = new Talk({
      base: BASE,
      scene: this.getAttribute('scene') || '',
      opening: () => ({ locale: look().locale, client: { kind: this.inline ? 'station' : 'widget', elder: look().elder, language: navigator.language } }),
      on: {
        changed: () => this.#later(),
        error: (error) => this.view.error(error),
        giveBack: (text) => this.view.composer.giveBack(text),
        fresh: () => this.view.clear(),
      },
    });
    this.#ready = dress(root, BASE).then(() => this.#build());
    this.#stops = [
      onLook(() => this.#look()),
      onWake({ wake: () => this.talk.connection.wake(), sleep: () => this.talk.connection.sleep() }),
      onOtherTab(() => this.talk.otherTab()),
    ];
    document.addEventListener('visibilitychange', () => this.#later());
    globalThis.visualViewport?.addEventListener('resize', () => this.#fit());
    this.#fit();
  }

  disconnectedCallback() {
    this.talk?.connection.stop();
    for (const stop of this.#stops) stop();
  }

  /** Opens the window and asks, as if the citizen had written it. */
  async ask(text) {
    await this.#ready;
    this.open({ focus: false });
    this.view.ask(text);
  }

  open({ focus = true } = {}) {
    if (this.#open) return;
    this.#open = true;
    // A greeting is news; a history that comes back is not.
    if (!this.talk.remembered.token) this.view.listen();
    this.talk.start();
    this.#keepOpen(true);
    this.#layout();
    this.#welcome();
    this.view.toEnd();
    if (!focus) return;
    // On a phone the keyboard would cover what is to be read first.
    if (matchMedia('(pointer: coarse)').matches) this.panel.focus();
    else this.view.composer.focus();
  }

  close() {
    if (!this.#open || this.inline) return;
    this.#open = false;
    this.#keepOpen(false);
    this.#layout();
    this.launcher.focus();
  }

  #build() {
    this.view = this.#makeView();
    if (this.inline) {
      this.panel = h('section', { class: 'panel panel--inline' }, this.view.node);
    } else {
      this.badge = h('span', { class: 'badge', hidden: true, 'aria-hidden': 'true' });
      this.launchWord = h('span');
      this.launcher = h('button', { class: 'launcher', type: 'button', 'aria-expanded': 'false', 'aria-controls': 'panel', onclick: () => this.open() }, mark(), this.launchWord, this.badge);
      this.panel = h('div', { class: 'panel', id: 'panel', role: 'dialog', tabindex: '-1', hidden: true }, this.view.node);
    }
    this.panel.addEventListener('keydown', (event) => this.#key(event));
    this.shadowRoot.append(...[this.launcher, this.panel].filter(Boolean));
    this.#look(false);
    if (this.inline) this.open({ focus: false });
    else if (this.#wasOpen()) this.open({ focus: false });
    else if (this.talk.remembered.busy) this.talk.start();
    this.#draw();
  }

  #makeView() {
    this.locale = look().locale;
    return new View({
      w: words(this.locale), inline: this.inline, talk: this.talk,
      act: {
        elder: () => choose({ elder: !look().elder }),
        theme: () => choose({ theme: shade() === 'dark' ? 'light' : 'dark' }),
        locale: () => choose({ locale: look().locale === 'en' ? 'zh-CN' : 'en' }),
        fold: () => (this.inline ? this.dispatchEvent(new CustomEvent('back', { bubbles: true })) : this.close()),
      },
    });
  }

  /** Another language is another window with the same talk and the same unsent words. */
  #look(redraw = true) {
    wear(this);
    if (!this.view) return;
    if (this.locale !== look().locale) {
      const old = this.view;
      this.view = this.#makeView();
      this.view.station = old.station;
      this.view.composer.text = old.composer.text;
      old.node.replaceWith(this.view.node);
      this.view.node.querySelector('.to-more').focus();
    }
    if (!redraw) return;
    this.#draw();
    this.view.settle();
  }

  #later() {
    if (this.#queued) return;
    this.#queued = true;
    queueMicrotask(() => {
      this.#queued = false;
      this.#draw();
    });
  }

  #draw() {
    if (!this.view) return;
    this.view.draw({ elder: look().elder, dark: shade() === 'dark' });
    if (this.#open && document.visibilityState === 'visible') this.talk.see();
    const w = words(this.locale);
    this.panel.setAttribute('aria-label', w.window);
    if (this.inline) return;
    const n = this.#open ? 0 : this.talk.unread;
    this.badge.hidden = !n;
    say(this.badge, n > 99 ? '99+' : String(n));
    say(this.launchWord, w.launch);
    this.launcher.setAttribute('aria-label', w.launchLabel(n));
  }

  #layout() {
    if (this.inline) return;
    this.panel.hidden = !this.#open;
    this.launcher.hidden = this.#open;
    this.launcher.setAttribute('aria-expanded', String(this.#open));
    this.panel.setAttribute('aria-modal', String(matchMedia(PHONE).matches));
    this.#draw();
  }

  async #welcome() {
    if (this.inline || this.view.station) return;
    const station = await fetchStation(BASE);
    if (!station) return;
    this.view.station = station;
    this.#draw();
  }

  #key(event) {
    if (event.key === 'Escape' && !event.isComposing) {
      if (this.view.head.closeMenu() || this.inline) return;
      event.stopPropagation();
      this.close();
    } else if (event.key === 'Tab' && this.panel.getAttribute('aria-modal') === 'true') this.#circle(event);
  }

  /** A window that covers the page keeps the focus inside. */
  #circle(event) {
    const stops = [...this.panel.querySelectorAll('button, textarea, input, select, a[href], summary, [tabindex="0"]')]
      .filter((node) => !node.disabled && node.getClientRects().length);
    const here = this.shadowRoot.activeElement;
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const leaves = event.shiftKey ? here === first || here === this.panel : here === last;
    if (!leaves) return;
    event.preventDefault();
    (event.shiftKey ? last : first).focus();
  }

  /** The on-screen keyboard shrinks what is seen, on some phones without shrinking the page. */
  #fit() {
    const seen = globalThis.visualViewport;
    // Pinched larger, the page is looked at through a glass; nothing is covered.
    if (!seen || seen.scale > 1.01) return;
    this.toggleAttribute('data-short', seen.height < SHORT);
    fitSheet(this.shadowRoot, seen.height, seen.offsetTop);
    this.view?.settle();
  }

  /** For this tab only: a page reloaded shows the window as it was. A phone's page is not covered unasked. */
  #keepOpen(open) {
    try {
      sessionStorage.setItem(OPEN, open ? '1' : '');
    } catch {
      // Barred: it starts folded.
    }
  }

  #wasOpen() {
    try {
      return sessionStorage.getItem(OPEN) === '1' && !matchMedia(PHONE).matches;
    } catch {
      return false;
    }
  }
}

const sheets = new WeakMap();

function fitSheet(root, height, top) {
  if (!('adoptedStyleSheets' in root)) return;
  let sheet = sheets.get(root);
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheets.set(root, sheet);
  }
  if (!root.adoptedStyleSheets.includes(sheet)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
  sheet.replaceSync(`:host { --seen: ${Math.round(height)}px; --seen-top: ${Math.round(top)}px; }`);
}

if (!customElements.get('shebao-chat')) customElements.define('shebao-chat', ShebaoChat);
