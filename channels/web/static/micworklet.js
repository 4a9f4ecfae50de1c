/* The microphone's sound as 16-bit samples at 16 kHz, 40 ms at once; whatever the device's own rate is. */
const RATE = 16000;
const PIECE = 640;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.step = sampleRate / RATE;
    this.sum = this.count = this.at = 0;
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
  }

  process([input]) {
    for (const value of input[0] ?? []) {
      this.sum += value;
      this.count += 1;
      this.at += 1;
      if (this.at < this.step) continue;
      this.at -= this.step;
      // The mean of what lies between two samples: a simple filter against what 16 kHz cannot hold.
      this.piece[this.filled++] = Math.max(-1, Math.min(1, this.sum / this.count)) * 32767;
      this.sum = this.count = 0;
      if (this.filled < PIECE) continue;
      this.port.postMessage(this.piece.buffer.slice(0));
      this.filled = 0;
    }
    return true;
  }
}

registerProcessor('microphone', Microphone);
