/** A page of several parts: tabs over a sheet; the address's `#name` says which part is open. */
import { html, useEffect, useState } from './preact.js';

export function Tabs({ label, parts, me, ...more }) {
  const [open, setOpen] = useState(location.hash.slice(1));
  useEffect(() => {
    const moved = () => setOpen(location.hash.slice(1));
    addEventListener('hashchange', moved);
    return () => removeEventListener('hashchange', moved);
  }, []);
  const mine = parts.filter((part) => !part.right || me.rights.includes(part.right));
  const part = mine.find((p) => p.name === open.split('?')[0]) ?? mine[0];
  if (!part) return null;
  return html`${mine.length > 1 ? html`<nav class="tabs tabs--page" aria-label=${label}>${mine.map((p) => html`<a key=${p.name} href=${`#${p.name}`} aria-current=${p === part ? 'page' : null}>${p.label}</a>`)}</nav>` : null}
    <main class="sheet" aria-label=${part.label}><div class=${part.wide ? 'sheet__in sheet__in--wide' : 'sheet__in'}><${part.draw} key=${part.name} me=${me} ...${more} /></div></main>`;
}
