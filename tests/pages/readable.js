// Looks at a page for what keeps people from reading or pressing it; each gives short texts, one a fault.
// What is in a modal dialog is all that can be reached while that is open.
"use strict";
window.__looks ??= (() => {
  const scope = () => document.querySelector("dialog[open]") ?? document.body;
  const pressed = "button, input, select, summary, a[href], [tabindex='0']";
  const tiny = ({ width, height }) => width <= 1 && height <= 1;
  const aside = (node) =>
    node && node !== document.body && (tiny(node.getBoundingClientRect()) || aside(node.parentElement));
  const seen = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true })
    && node.getClientRects().length > 0 && !aside(node);
  const words = (node) => (node.getAttribute("aria-label") || node.textContent || node.id || node.tagName)
    .replace(/\s+/g, " ").trim().slice(0, 50);

  // The element that hides part of `box`, which is of words in `node`; what can be scrolled to is not hidden.
  const cut = (node, box) => {
    let { top, bottom } = box;
    for (let at = node.parentElement; at && at !== document.body; at = at.parentElement) {
      const { overflowX, overflowY, position } = getComputedStyle(at);
      const edge = at.getBoundingClientRect();
      const beside = box.left < edge.left - 1 || box.right > edge.right + 1;
      if (beside && overflowX !== "visible" && !at.matches(".still-area")) return at;
      const scrolls = ["auto", "scroll"].includes(overflowY);
      if (overflowY !== "visible" && !scrolls && (top < edge.top - 1 || bottom > edge.bottom + 1)) return at;
      if (scrolls) [top, bottom] = [edge.top, edge.bottom];
      if (position === "fixed" && (top < -1 || bottom > innerHeight + 1)) return at;
    }
    return null;
  };

  const cutWords = () => [...scope().querySelectorAll("*")].flatMap((node) => {
    const own = [...node.childNodes].filter((child) => child.nodeType === 3 && child.textContent.trim());
    if (own.length === 0 || !seen(node) || node.closest("option, [aria-hidden=true]")) return [];
    const range = document.createRange();
    range.setStart(own[0], 0);
    range.setEnd(own.at(-1), own.at(-1).length);
    const by = cut(node, range.getBoundingClientRect());
    return by ? [`cut by ${by.id || by.className || by.tagName}: ${words(node)}`] : [];
  });

  const targets = () => [...scope().querySelectorAll(pressed)].filter(seen).flatMap((node) => {
    const faults = [];
    const target = node.matches("input[type=checkbox], input[type=radio]") ? node.closest("label") ?? node : node;
    const { width, height } = target.getBoundingClientRect();
    const inline = node.matches("a") && getComputedStyle(node).display === "inline";
    if (!inline && (width < 24 || height < 24)) faults.push(`small: ${words(node)}`);
    node.scrollIntoView({ block: "nearest", inline: "nearest" });
    const box = node.getClientRects()[0];
    const half = Math.min(box.height, innerHeight) / 2;
    const hit = document.elementFromPoint(box.left + box.width / 2, box.top + half);
    if (!hit || !(node.contains(hit) || node.closest("label")?.contains(hit)))
      faults.push(`covered by ${hit?.id || hit?.className || hit?.tagName}: ${words(node)}`);
    return faults;
  });

  const geometry = () => {
    const { scrollWidth } = document.scrollingElement;
    const sideways = scrollWidth > innerWidth ? [`scrolls sideways: ${scrollWidth}`] : [];
    const faults = [...sideways, ...cutWords(), ...targets()];
    scrollTo(0, 0);
    return faults;
  };

  const motion = () => document.getAnimations().filter((each) => each.playState === "running")
    .map((each) => `moves: ${words(each.effect.target)}`);

  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/^rgba.*, 0\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const edged = (node) => parseFloat(getComputedStyle(node).borderTopWidth) > 0;
  const differs = (node) => ground(node) !== ground(node.parentElement);
  const bare = (node) => seen(node) && !node.textContent.trim() && !node.querySelector("svg, video, img, canvas");

  // Bars and lights tell something by their colour alone, dialogs and what is chosen stand out by an edge or a ground:
  // noted while colours are the page's own, looked for again when they are the reader's.
  let told = [];
  const noteColours = () => {
    const lights = [...document.querySelectorAll("span, div, i")].filter(bare);
    told = lights.filter((node) => !edged(node) && differs(node));
  };
  const lostColours = () => {
    const dull = told.filter((node) => node.isConnected && seen(node) && !differs(node));
    const loose = [...scope().parentElement.querySelectorAll("dialog[open], [aria-pressed=true]")]
      .filter((node) => seen(node) && !edged(node) && !differs(node));
    return [
      ...dull.map((node) => `has lost its colour: ${node.className || node.id || node.parentElement.className}`),
      ...loose.map((node) => `does not stand out: ${words(node)}`),
    ];
  };

  return { geometry, motion, noteColours, lostColours };
})();
