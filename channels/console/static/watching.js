/** Something of the server, read again every few seconds while somebody looks at it. */
import { useEffect, useState } from './preact.js';
import { read } from './rest.js';

// A page that asks by itself must not keep a session awake at whose desk nobody sits any more.
const RESTING = 10 * 60 * 1000;
let acted = Date.now();
for (const name of ['pointermove', 'pointerdown', 'keydown', 'wheel']) addEventListener(name, () => (acted = Date.now()), { passive: true });

/** @returns {[any, string, () => void]} what it said last, what is wrong with it now, and asking at once */
export function useWatched(path, every) {
  const [told, setTold] = useState(null);
  const [fault, setFault] = useState('');
  const [asked, ask] = useState(0);
  useEffect(() => {
    let gone = false;
    let timer = 0;
    async function look() {
      if (Date.now() - acted > RESTING) setFault('太久没有操作，已停止更新。动一下鼠标就继续。');
      else if (document.visibilityState === 'visible') {
        try {
          const fresh = await read(path);
          if (gone) return;
          setTold(fresh);
          setFault('');
        } catch (problem) {
          if (gone) return;
          setFault(problem.message);
        }
      }
      timer = setTimeout(look, every);
    }
    look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [path, every, asked]);
  return [told, fault, () => ask((n) => n + 1)];
}
