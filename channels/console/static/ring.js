/** Calls the agent to an offer until it is taken: title, sound and a notice of the desktop. One tab rings, all show it. */

const EVERY = 2500;
const TITLE = '工作台 · 社保易答';
let context = null;
let mine = false;
let ringing = null;
let shown = new Map();

/** Of all tabs of this browser one holds the lock; when it is closed the next one rings. */
export function electRinger() {
  if (!navigator.locks) {
    mine = true;
    return;
  }
  navigator.locks.request('yida-console-ring', () => {
    mine = true;
    return new Promise(() => {});
  });
}

/** A browser lets a page sound only after somebody pressed something on it. */
export function allowSound() {
  context ??= 'AudioContext' in window ? new AudioContext() : null;
  context?.resume();
}

export function mayNotify() {
  return 'Notification' in window ? Notification.permission : 'denied';
}

export async function askToNotify() {
  return 'Notification' in window ? Notification.requestPermission() : 'denied';
}

/** @param {{ conversation: string, context?: any }[]} offers */
export function callFor(offers) {
  document.title = offers.length ? `（${offers.length}）新会话 · 社保易答` : TITLE;
  const here = new Set(offers.map((o) => o.conversation));
  for (const [id, notice] of shown) if (!here.has(id)) notice.close();
  shown = new Map([...shown].filter(([id]) => here.has(id)));
  if (mine && mayNotify() === 'granted') offers.filter((o) => !shown.has(o.conversation)).forEach(notify);
  if (offers.length && !ringing) {
    sound();
    ringing = setInterval(sound, EVERY);
  }
  if (!offers.length && ringing) {
    clearInterval(ringing);
    ringing = null;
  }
}

// No words of the citizen: a notice may stay on a locked screen.
function notify({ conversation, context: told }) {
  const notice = new Notification('新会话等您接入', { body: told?.topic_label ?? told?.topic ?? '', tag: conversation, requireInteraction: true });
  notice.onclick = () => window.focus();
  shown.set(conversation, notice);
}

function sound() {
  if (!mine || context?.state !== 'running') return;
  for (const [start, pitch] of [[0, 880], [0.18, 1175]]) {
    const [tone, volume] = [context.createOscillator(), context.createGain()];
    const at = context.currentTime + start;
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.12, at);
    volume.gain.exponentialRampToValueAtTime(0.001, at + 0.16);
    tone.connect(volume).connect(context.destination);
    tone.start(at);
    tone.stop(at + 0.17);
  }
}
