// The last hour as small curves. Each is told in words too: the least, the most, and now.

import { byId, el, reconcile, setText } from "/static/js/dom.js";
import { t } from "/static/js/i18n.js";
import { number, percent } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const HEIGHT = 40;
const STEP = 4;
const FIGURES = [
  { name: "in_call", least: 4, words: number },
  { name: "busiest", least: 1, words: percent },
  { name: "bad", least: 4, words: number },
];

/** Lines through neighbouring minutes; where nobody looked there is a gap. */
function path(values, top) {
  let drawing = false;
  return values.map((value, index) => {
    if (value === null) {
      drawing = false;
      return "";
    }
    const point = `${index * STEP} ${(HEIGHT - 2 - (value / top) * (HEIGHT - 4)).toFixed(1)}`;
    const stroke = drawing ? `L${point}` : `M${point}h0.1`; // a minute alone is a dot
    drawing = true;
    return stroke;
  }).join("");
}

function curve() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `-2 0 ${59 * STEP + 4} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "path"));
  return el("li", {}, el("span", { className: "words" }), svg);
}

export function drawHour({ hour }) {
  const rows = FIGURES.filter(({ name }) => hour[name].some((value) => value !== null));
  reconcile(byId("hour"), rows, ({ name }) => name, curve, (row, { name, least, words }) => {
    const known = hour[name].filter((value) => value !== null);
    const values = { least: words(Math.min(...known)), most: words(Math.max(...known)), now: words(known.at(-1)) };
    setText(row.firstChild, t(`hour.${name}`, values));
    const line = path(hour[name], Math.max(...known, least));
    if (row.lastChild.firstChild.getAttribute("d") !== line) row.lastChild.firstChild.setAttribute("d", line);
  });
}
