/** The demo page shows the line that put the window here. */
import { say } from './dom.js';

const { origin } = location;
const socket = origin.replace(/^http/, 'ws');
say(document.getElementById('line'), `<script src="${origin}/widget.js" defer></script>`);
say(document.getElementById('policy'), `script-src ${origin}; style-src ${origin}; connect-src ${origin} ${socket}`);
