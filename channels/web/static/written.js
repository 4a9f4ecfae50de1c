/** What people write into a form, brought near its machine form; whether it can be, the server decides. (pure) */

/** @param {string} kind @param {string} text */
export function machine(kind, text) {
  const bare = text.normalize('NFKC').replace(/\s+/g, '');
  if (kind === 'month') return day(bare, 2);
  if (kind === 'date') return day(bare, 3);
  return ['money', 'number', 'count'].includes(kind) ? bare.replaceAll(',', '').replace(/[元块]$/, '') : text.trim();
}

/** `1976年8月`, `1976.8` and `197608` → `1976-08`; anything else stays as it is. */
function day(text, parts) {
  const run = /^(\d{4})(\d{2})(\d{2})?$/.exec(text);
  const numbers = run ? run.slice(1).filter(Boolean) : text.replace(/[月日号]$/, '').split(/[年月./-]/);
  if (numbers.length < parts || numbers.some((n) => !/^\d{1,4}$/.test(n))) return text;
  return numbers.map((n) => n.padStart(2, '0')).join('-');
}

/** Years and months as months; what is no number is given on for the server to refuse. */
export function months(years, more) {
  const [y, m] = [years, more].map((text) => machine('count', text));
  if (!y && !m) return '';
  return /^\d{0,4}$/.test(y) && /^\d{0,4}$/.test(m) ? String(Number(y) * 12 + Number(m)) : `${y}.${m}.`;
}
