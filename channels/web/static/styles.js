/** Dresses a shadow root: constructable sheets where the browser has them, links where not. */

const SHEETS = ['tokens.css', 'parts.css', 'widget.css'];

/** @param {ShadowRoot} root @param {string} base */
export async function dress(root, base) {
  const addresses = SHEETS.map((name) => `${base}/static/${name}`);
  try {
    const sheets = await Promise.all(addresses.map(adopt));
    root.adoptedStyleSheets = [...sheets, ...root.adoptedStyleSheets];
  } catch {
    await Promise.all(addresses.map((address) => link(root, address)));
  }
}

async function adopt(address) {
  const response = await fetch(address, { credentials: 'omit' });
  if (!response.ok) throw new Error(address);
  return new CSSStyleSheet().replace(await response.text());
}

function link(root, address) {
  return new Promise((resolve) => {
    const node = document.createElement('link');
    node.rel = 'stylesheet';
    node.href = address;
    node.onload = node.onerror = resolve;
    root.append(node);
  });
}
