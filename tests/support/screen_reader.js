// Notes what a reader of screens says by itself: what comes into live regions that can be seen by it, in order.
"use strict";
(() => {
  if (window.__spoken) return;
  window.__spoken = [];
  const LIVE = "[aria-live=polite], [aria-live=assertive], [role=status], [role=alert], [role=log]";
  const plain = (text) => text.replace(/\s+/g, " ").trim();
  // What is hidden, or behind a modal dialog, is not there for readers of screens.
  const there = (node) => {
    const modal = [...document.querySelectorAll("dialog:modal")].at(-1);
    return node.checkVisibility() && !node.closest("[aria-hidden=true]") && (!modal || modal.contains(node));
  };
  const whole = (region) =>
    region.getAttribute("aria-atomic") === "true" || region.matches("[role=status], [role=alert]");
  const speak = (text) => {
    if (plain(text)) window.__spoken.push(plain(text));
  };

  const take = (changes) => {
    const changed = new Map(); // region -> what has been added to it
    for (const { type, target, addedNodes, oldValue } of changes) {
      const element = target.nodeType === Node.ELEMENT_NODE ? target : target.parentElement;
      if (type === "attributes") {
        // A region that appears is read where it is an alert; one that stays hidden is not.
        const shown = oldValue !== null && !element.hidden;
        const alerts = shown ? [element, ...element.querySelectorAll("*")].filter((each) => each.matches("[role=alert]")) : [];
        for (const region of alerts) changed.set(region, [region]);
        continue;
      }
      const region = element?.closest(LIVE);
      if (!region) continue;
      const added = type === "characterData" ? [target] : [...addedNodes];
      changed.set(region, [...(changed.get(region) ?? []), ...added]);
    }
    for (const [region, added] of changed) {
      if (!there(region) || added.length === 0) continue;
      speak(whole(region) ? region.textContent : added.map((node) => node.textContent).join(" "));
    }
  };
  const observer = new MutationObserver(take);
  const options = { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["hidden"], attributeOldValue: true };
  observer.observe(document, options);
})();
