/** Times as agents read them; pure. */

// As the bureau's windows: half a minute is noticed, three minutes are too long.
const SOON = 30;
const LATE = 180;

/** Seconds from then to now; the device's clock may be behind the server's, but nobody waits less than nothing. */
export function seconds(since, now) {
  const from = typeof since === 'number' ? since : Date.parse(since);
  return Number.isFinite(from) ? Math.max(0, Math.floor((now - from) / 1000)) : 0;
}

/** 75 → "01:15", beyond an hour "1:02:03". */
export function span(total) {
  const two = (n) => String(n).padStart(2, '0');
  const [h, m, s] = [Math.floor(total / 3600), Math.floor(total / 60) % 60, total % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${two(m)}:${two(s)}`;
}

export function urgency(total) {
  return total >= LATE ? 'late' : total >= SOON ? 'soon' : '';
}

/** "14:05" today, "11-23 14:05" this year, with the year before it else. Shown in the bureau's time. */
export function shown(at, now, zone = 'Asia/Shanghai') {
  if (!at || Number.isNaN(Date.parse(at))) return '';
  const [then, today] = [parts(at, zone), parts(now, zone)];
  const time = `${then.hour}:${then.minute}`;
  if (then.year !== today.year) return `${then.year}-${then.month}-${then.day} ${time}`;
  return then.month === today.month && then.day === today.day ? time : `${then.month}-${then.day} ${time}`;
}

/** "2026-10-08" */
export function day(at, zone = 'Asia/Shanghai') {
  if (!at || Number.isNaN(Date.parse(at))) return '';
  const then = parts(at, zone);
  return `${then.year}-${then.month}-${then.day}`;
}

const FORMATS = new Map();

function parts(at, zone) {
  if (!FORMATS.has(zone)) {
    FORMATS.set(zone, new Intl.DateTimeFormat('zh-CN', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }));
  }
  return Object.fromEntries(FORMATS.get(zone).formatToParts(new Date(at)).map((p) => [p.type, p.value]));
}
