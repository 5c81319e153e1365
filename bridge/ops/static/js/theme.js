// Light, dark, or as the machine is set: a wall at night wants dark whatever the machine says.

import { el } from "/static/js/dom.js";
import { onLanguage, t } from "/static/js/i18n.js";
import { keepPreference, readPreference } from "/static/js/token.js";

const SCHEMES = ["auto", "light", "dark"];

function use(scheme) {
  document.documentElement.dataset.scheme = scheme;
}

/** Fill `group` with one button a scheme. */
export function schemeButtons(group) {
  const kept = readPreference("scheme");
  use(SCHEMES.includes(kept) ? kept : "auto");
  const choose = (scheme) => {
    keepPreference("scheme", scheme);
    use(scheme);
    mark();
  };
  const buttons = SCHEMES.map((scheme) => el("button", { type: "button", className: "language", data: { scheme }, onclick: () => choose(scheme) }));
  const mark = () => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.scheme === document.documentElement.dataset.scheme));
  };
  group.append(...buttons);
  onLanguage(() => {
    for (const button of buttons) button.textContent = t(`scheme.${button.dataset.scheme}`);
    mark();
  });
}
