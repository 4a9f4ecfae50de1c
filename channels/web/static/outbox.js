/** Frames that must arrive: kept in order until the server acknowledges or refuses each; pure. */

export class Outbox {
  constructor() {
    /** @type {Record<string, any>[]} */
    this.frames = [];
  }

  /** Keeps a frame; the same id is kept once. */
  add(frame) {
    if (!this.frames.some((f) => f.id === frame.id)) this.frames.push(frame);
    return frame;
  }

  /** Takes the frame of this id out. */
  take(id) {
    const frame = this.frames.find((f) => f.id === id);
    this.frames = this.frames.filter((f) => f !== frame);
    return frame;
  }

  /** The frame an error speaks of. Frames are handled in order, so an error without an id speaks of the oldest. */
  blamed(error) {
    if (error.id !== undefined && error.id !== null) return this.frames.find((f) => f.id === error.id);
    return this.frames[0];
  }

  /** Empties the box and gives what the citizen said: that, and nothing else, may go to a new conversation. */
  rescue() {
    const said = this.frames.filter((f) => f.type === 'say');
    this.frames = [];
    return said;
  }
}

/** An id that only this device could have made; `randomUUID` is missing on plain http. */
export function newId(source = globalThis.crypto) {
  if (source?.randomUUID) return source.randomUUID();
  const bytes = source.getRandomValues(new Uint8Array(16));
  return [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');
}

/** Milliseconds to wait before try number `attempt` (from 0): doubling to 20 s, the upper half at random. */
export function backOff(attempt, random) {
  const span = Math.min(20000, 500 * 2 ** Math.min(attempt, 10));
  return Math.round(span / 2 + random * (span / 2));
}
