/** Tells when the network or the page comes back, and when it goes. */

/** @param {{ wake: () => void, sleep: () => void }} on @returns {() => void} stops listening */
export function onWake({ wake, sleep }) {
  const visible = () => document.visibilityState === 'visible' && wake();
  // A page put aside with an open socket would not be kept; it resumes when it is shown again.
  const hide = (event) => event.persisted && sleep();
  const heard = [
    [window, 'online', wake],
    [window, 'offline', sleep],
    [window, 'focus', wake],
    [window, 'pageshow', wake],
    [window, 'pagehide', hide],
    [document, 'visibilitychange', visible],
  ];
  for (const [target, name, act] of heard) target.addEventListener(name, act);
  return () => {
    for (const [target, name, act] of heard) target.removeEventListener(name, act);
  };
}
