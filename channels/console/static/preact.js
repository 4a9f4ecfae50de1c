/** The one place that names the libraries: Preact with htm's tagged templates. */
import htm from './vendor/htm.js';
import { h } from './vendor/preact.js';

export const html = htm.bind(h);
export { Component, Fragment, createContext, h, render } from './vendor/preact.js';
export { useContext, useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from './vendor/hooks.js';
