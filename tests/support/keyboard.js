// Looks at what has the focus, as somebody does who works a page by its keys alone.
"use strict";
window.__focus ??= (() => {
  const name = (node) => node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent || node.id;
  const words = (node) => `${node.tagName.toLowerCase()} ${name(node).replace(/\s+/g, " ").trim().slice(0, 50)}`;
  const parse = (colour) => (colour.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const contrast = (one, other) => {
    const [more, less] = [light(one), light(other)].sort((a, b) => b - a);
    return (more + 0.05) / (less + 0.05);
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const [r, g, b, a = 1] = parse(getComputedStyle(at).backgroundColor);
      if (a > 0.75) return [r, g, b];
    }
    return [255, 255, 255];
  };

  const ring = (node) => {
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(node);
    if (outlineStyle === "none" || parseFloat(outlineWidth) < 2) return "has no ring";
    const ratio = contrast(parse(outlineColor), ground(node.parentElement));
    return ratio < 3 ? `has a ring of contrast ${ratio.toFixed(1)}` : null;
  };

  // What lies over the middle; also what lets clicks through lies over it.
  const over = (node) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync("* { pointer-events: auto !important; }");
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    const { left, top, width, height } = node.getClientRects()[0] ?? node.getBoundingClientRect();
    const hit = document.elementFromPoint(left + width / 2, top + Math.min(height, innerHeight) / 2);
    document.adoptedStyleSheets = document.adoptedStyleSheets.filter((each) => each !== sheet);
    if (!hit) return "is outside the window";
    const own = node.contains(hit) || node.closest("label")?.contains(hit);
    return own ? null : `is under ${hit.id || hit.className || hit.tagName}`;
  };

  // Within one group the next is further down, or on the same line further on.
  let last = null;
  const GROUPS = "form, ul, ol, nav, dialog, section, aside, header, .row";
  const order = (node) => {
    const before = last;
    last = node;
    if (!before?.isConnected || before === node || before.closest(GROUPS) !== node.closest(GROUPS)) return null;
    const [a, b] = [before.getBoundingClientRect(), node.getBoundingClientRect()];
    const forward = Boolean(before.compareDocumentPosition(node) & Node.DOCUMENT_POSITION_FOLLOWING);
    const [first, second] = forward ? [a, b] : [b, a];
    if (second.bottom <= first.top + 1) return `comes after ${words(before)}, which is below it`;
    const sameLine = first.top < second.bottom - 4 && second.top < first.bottom - 4;
    return sameLine && second.left < first.left ? `comes after ${words(before)}, which is to the right of it` : null;
  };

  const look = () => {
    const node = document.activeElement;
    if (!node || node === document.body) return { lost: true, words: "nothing", faults: [] };
    const modal = [...document.querySelectorAll("dialog:modal")].at(-1);
    const faults = [ring(node), over(node), order(node)];
    if (node.tabIndex > 0) faults.push("is out of order");
    if (modal && !modal.contains(node)) faults.push("is behind the dialog");
    return { lost: false, words: words(node), faults: faults.filter(Boolean).map((fault) => `${words(node)} ${fault}`) };
  };

  return { look, lost: () => document.activeElement === document.body };
})();
