/** Speaking instead of writing: the sound goes to the service, the words come back while one speaks. */

const LONGEST = 60000;
// After the last sound the last words follow.
const LAST_WORDS = 4000;

/** Browsers give the microphone only to pages that came by https, or from this machine. */
export function canListen() {
  return Boolean(globalThis.isSecureContext && navigator.mediaDevices?.getUserMedia && globalThis.AudioWorkletNode);
}

/**
 * @param {{ base: string, id: string, token: string,
 *           on: { words(text: string): void, error(code: string): void, over(): void } }} call
 * @returns {Promise<{ stop(): void }>}
 */
export async function listen({ base, id, token, on }) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true } });
  const context = new AudioContext();
  const said = [];
  let over = false;
  let timer = 0;
  const socket = new WebSocket(`${base.replace(/^http/, 'ws')}/api/v1/conversations/${encodeURIComponent(id)}/speech`);
  socket.binaryType = 'arraybuffer';

  function hush() {
    for (const track of stream.getTracks()) track.stop();
    if (context.state !== 'closed') context.close();
  }

  function end(code) {
    if (over) return;
    over = true;
    clearTimeout(timer);
    hush();
    socket.close();
    if (code) on.error(code);
    on.over();
  }

  function stop() {
    if (over) return;
    hush();
    if (socket.readyState !== WebSocket.OPEN) return end('');
    socket.send('{"type":"end"}');
    clearTimeout(timer);
    timer = setTimeout(() => end(''), LAST_WORDS);
  }

  socket.onopen = () => socket.send(JSON.stringify({ type: 'auth', token }));
  socket.onclose = () => end(said.length ? '' : 'unable');
  socket.onmessage = ({ data }) => {
    const frame = JSON.parse(data);
    if (frame.type === 'error') return end('unable');
    if (frame.type === 'end') return end('');
    if (frame.type === 'final') said.push(frame.text);
    on.words(said.join('') + (frame.type === 'partial' ? frame.text : ''));
  };
  try {
    await context.audioWorklet.addModule(new URL('micworklet.js', import.meta.url).href);
  } catch (error) {
    end('unable');
    throw error;
  }
  const node = new AudioWorkletNode(context, 'microphone', { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => socket.readyState === WebSocket.OPEN && socket.send(data);
  context.createMediaStreamSource(stream).connect(node);
  timer = setTimeout(stop, LONGEST);
  return { stop };
}
