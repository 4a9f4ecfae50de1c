/** Reads a message aloud with the service's own voice; one at a time. */

let playing = null;

/** @param {{ base: string, id: string, token: string, seq: number, on: (state: 'busy' | 'playing' | 'over' | 'unable') => void }} call */
export async function readAloud({ base, id, token, seq, on }) {
  const mine = playing?.seq === seq && playing.id === id;
  playing?.stop();
  if (mine) return;
  const audio = new Audio();
  let url = '';
  const stop = (state = 'over') => {
    if (playing?.audio !== audio) return;
    playing = null;
    audio.pause();
    if (url) URL.revokeObjectURL(url);
    on(state);
  };
  playing = { audio, seq, id, stop };
  on('busy');
  try {
    const answer = await fetch(`${base}/api/v1/conversations/${encodeURIComponent(id)}/messages/${seq}/audio`, { headers: { Authorization: `Bearer ${token}` } });
    if (!answer.ok) throw new Error(String(answer.status));
    url = URL.createObjectURL(await answer.blob());
    if (playing?.audio !== audio) return URL.revokeObjectURL(url);
    audio.src = url;
    audio.onended = () => stop();
    audio.onerror = () => stop('unable');
    await audio.play();
    on('playing');
  } catch {
    stop('unable');
  }
}
