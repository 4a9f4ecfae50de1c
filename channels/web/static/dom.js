/** Builds elements. Text is always set as text, so nothing that anybody wrote can become markup. */

const SVG = 'http://www.w3.org/2000/svg';
const PROPERTIES = new Set(['value', 'checked', 'disabled', 'hidden', 'open']);
// A style attribute would be blocked by our own policy; HTML is never parsed from a string.
const REFUSED = new Set(['style', 'innerHTML', 'outerHTML', 'srcdoc']);

/**
 * `h('button', { class: 'btn', onclick: send }, icon, '发送')`; nothing is drawn for null, undefined and false.
 * @param {string} tag
 * @param {Record<string, unknown> | null} [props]
 * @param {...unknown} children
 * @returns {any}
 */
export function h(tag, props, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(props ?? {})) set(node, key, value);
  node.append(...children.flat(Infinity).filter(isDrawn).map(asNode));
  return node;
}

/** Replaces what stands in `node`. */
export function fill(node, ...children) {
  node.replaceChildren(...children.flat(Infinity).filter(isDrawn).map(asNode));
  return node;
}

/** Sets text only when it differs: a live region speaks again at every write. */
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** An SVG from `[tag, attributes]` rows. */
export function svg(viewBox, name, rows) {
  const root = document.createElementNS(SVG, 'svg');
  root.setAttribute('viewBox', viewBox);
  root.setAttribute('class', name);
  root.setAttribute('aria-hidden', 'true');
  root.setAttribute('focusable', 'false');
  for (const [tag, attributes] of rows) {
    const node = document.createElementNS(SVG, tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
    root.append(node);
  }
  return root;
}

function set(node, key, value) {
  if (value === undefined || value === null || value === false || REFUSED.has(key)) return;
  if (key.startsWith('on')) {
    if (typeof value === 'function') node.addEventListener(key.slice(2), value);
  } else if (PROPERTIES.has(key)) node[key] = value;
  else node.setAttribute(key, value === true ? '' : String(value));
}

function isDrawn(child) {
  return child !== null && child !== undefined && child !== false && child !== '';
}

function asNode(child) {
  return child instanceof Node ? child : String(child);
}
