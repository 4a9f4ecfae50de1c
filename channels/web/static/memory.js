/** What the device remembers: the conversation's id and token, its last state, what was ticked; never what was said. */

const CONVERSATION = 'shebao-yida.conversation';
const LOOK = 'shebao-yida.look';
const TICKS = 'shebao-yida.ticks';

/** @param {Storage | null} [storage] */
export function conversationMemory(storage = local()) {
  return box(storage, CONVERSATION);
}

/** @param {Storage | null} [storage] */
export function lookMemory(storage = local()) {
  return box(storage, LOOK);
}

/** By procedure, the lines of its checklist that are ticked. @param {Storage | null} [storage] */
export function tickMemory(storage = local()) {
  return box(storage, TICKS);
}

/** Calls back when another tab changes the remembered conversation. */
export function onOtherTab(changed) {
  const hear = (event) => event.key === CONVERSATION && changed();
  addEventListener('storage', hear);
  return () => removeEventListener('storage', hear);
}

/** A small record under one key. Storage may be barred or full: then it lasts as long as the page. */
function box(storage, key) {
  let held = {};

  function read() {
    try {
      const text = storage?.getItem(key);
      // Barred storage gives null for everything: what this page holds is then the truth.
      if (storage && text === null) return writable(storage) ? (held = {}) : held;
      const value = JSON.parse(text ?? 'null');
      if (value && typeof value === 'object' && !Array.isArray(value)) held = value;
    } catch {
      // Barred, or not ours.
    }
    return held;
  }

  function write(patch) {
    replace({ ...read(), ...patch });
  }

  /** In one step: another tab never sees it empty. */
  function replace(value) {
    held = value;
    try {
      storage?.setItem(key, JSON.stringify(held));
    } catch {
      // Barred or full.
    }
  }

  function forget() {
    held = {};
    try {
      storage?.removeItem(key);
    } catch {
      // Barred.
    }
  }

  return { read, write, replace, forget };
}

function writable(storage) {
  try {
    storage.setItem(`${LOOK}.try`, '1');
    storage.removeItem(`${LOOK}.try`);
    return true;
  } catch {
    return false;
  }
}

function local() {
  try {
    return globalThis.localStorage ?? null;
  } catch {
    return null;
  }
}
