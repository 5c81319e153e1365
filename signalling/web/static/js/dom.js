// Small helpers around the document. Names of people only ever go in through textContent.

const ICONS = "/static/icons.svg";
const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** An element with properties, data-* (under `data`), listeners (`onclick` ...) and children (elements or text). */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "data") Object.assign(node.dataset, value);
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

/** A decorative icon; the words beside it carry the meaning. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("focusable", "false");
  svg.append(document.createElementNS(SVG, "use"));
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg, name) {
  const href = `${ICONS}#${name}`;
  if (svg.firstChild.getAttribute("href") !== href) svg.firstChild.setAttribute("href", href);
}

/** Replace text only when it differs, so that screen readers and selections are left in peace. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Fill a button with an icon and words. */
export function setFace(button, iconName, text) {
  if (!button.querySelector("svg.icon")) button.replaceChildren(icon(iconName), el("span"));
  setIcon(button.firstChild, iconName);
  setText(button.lastChild, text);
}

/** Run `change`. If what had the focus is there no more, the focus goes to the heading of the part that it was in. */
export function keepFocus(change) {
  const before = document.activeElement;
  const parts = [];
  for (let part = before?.parentElement; part; part = part.parentElement) parts.push(part);
  change();
  const moved = document.activeElement !== before && document.activeElement !== document.body;
  if (before === document.body || moved || (before.isConnected && before.checkVisibility())) return;
  const headings = parts.map((part) => part.isConnected && part.querySelector(":is(h1, h2, h3)[tabindex]"));
  headings.find((heading) => heading && heading.checkVisibility())?.focus();
}

/**
 * Keep `parent`'s children in step with `items` without rebuilding: rows that stay keep their focus.
 * `make(item)` gives a row, `update(row, item)` fills it. Returns the number of rows that went away.
 */
export function reconcile(parent, items, key, make, update) {
  const old = new Map([...parent.children].map((row) => [row.dataset.key, row]));
  items.forEach((item, index) => {
    const id = String(key(item));
    let row = old.get(id);
    old.delete(id);
    if (!row) {
      row = make(item);
      row.dataset.key = id;
    }
    if (parent.children[index] !== row) parent.insertBefore(row, parent.children[index] ?? null);
    update(row, item);
  });
  for (const row of old.values()) row.remove();
  return old.size;
}

const asked = new WeakMap();

/**
 * Open a dialog after `prepare()`; resolves to `read()` if the button of the value "yes" closed it, else to null.
 * A dialog tells of its closing later than it closes: whoever asks again before that neither gets the earlier answer nor loses it.
 */
export function openAndAsk(dialog, read, prepare = () => {}) {
  asked.get(dialog)?.();
  prepare();
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((resolve) => {
    const settle = () => {
      dialog.removeEventListener("close", closed);
      asked.delete(dialog);
      resolve(dialog.returnValue === "yes" ? read() : null);
    };
    const closed = () => { if (!dialog.open) settle(); };
    asked.set(dialog, settle);
    dialog.addEventListener("close", closed);
  });
}
