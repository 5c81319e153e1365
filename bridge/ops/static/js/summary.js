// At a glance: one sentence on how everything is, what is wrong, how full the node is, and how people's lines are.

import { byId, el, icon, reconcile, setIcon, setText } from "/static/js/dom.js";
import { hasText, language, t, tCode } from "/static/js/i18n.js";
import { clock, counted, dayAndClock, lasting, number, percent } from "./words.js";

const SIGNS = { good: "good", watch: "fair", bad: "poor", unknown: "unknown" };
const VERDICTS = ["good", "uplink", "downlink", "client_cpu", "bridge", "unknown"];
let announced = null;

/** good, watch or bad; everything that is wrong has a word in `troubles`. */
export function stateOf({ troubles }) {
  return troubles.length === 0 ? "good" : troubles.some((one) => one.grave) ? "bad" : "watch";
}

function sign(state) {
  const box = byId("summary-sign");
  if (!box.firstChild) box.append(icon(SIGNS[state]));
  setIcon(box.firstChild, SIGNS[state]);
  byId("summary").dataset.state = state;
}

function title(state, text) {
  sign(state);
  setText(byId("summary-title"), text);
  document.title = `${text} – ${t("app.name")}`;
}

/** One sentence on a trouble; a check, a thread or a gateway is named by what the settings call it. */
function troubleText({ code, what, number: count }) {
  const values = { what: hasText(`check.${what}`) ? t(`check.${what}`) : what, number: number(count) };
  return hasText(`trouble.${code}`) ? t(`trouble.${code}`, values) : t("trouble.other", { code });
}

function drawTroubles(troubles) {
  const make = () => el("li", {}, icon("fair"), el("span"));
  reconcile(byId("troubles"), troubles, (one) => `${one.code} ${one.what}`, make, (row, one) => {
    row.className = one.grave ? "grave" : "watch";
    setIcon(row.firstChild, one.grave ? "poor" : "fair");
    setText(row.lastChild, troubleText(one));
  });
}

/** Say it when what is wrong has changed, and at no other time: figures change all night. */
function announce(state, troubles) {
  const signature = `${language()} ${troubles.map((one) => one.code + one.what).join(" ")}`;
  if (announced !== null && announced !== signature) byId("polite").textContent = [t(`summary.${state}`), ...troubles.map(troubleText)].join(" ");
  announced = signature;
}

export function drawSummary(picture) {
  const { drain, load, troubles } = picture;
  const state = stateOf(picture);
  title(state, t(`summary.${state}`));
  const lines = [
    drain.in_call + drain.waiting ? counted("summary.people", drain.in_call, { rooms: counted("unit.rooms", drain.rooms), waiting: number(drain.waiting) }) : t("summary.nobody"),
    t(load.measured ? "load.left" : "load.leftAssumed", { number: number(roughly(load.legs_left)) }),
  ];
  if (drain.active) lines.push(t("summary.draining"));
  setText(byId("summary-lead"), lines.join(" "));
  drawTroubles(troubles);
  announce(state, troubles);
  setText(byId("seen-at"), t("seen.at", { time: clock(picture.at) }));
  const { node } = picture;
  setText(byId("node"), t("node.line", { name: node.name, version: node.version, since: dayAndClock(node.started_at), up: lasting((new Date(picture.at) - new Date(node.started_at)) / 1000) }));
}

/** The last picture is old: whoever looks must not take it for now. */
export function drawLost(picture) {
  title("unknown", t("summary.lost"));
  setText(byId("summary-lead"), picture ? t("lost.since", { time: clock(picture.at) }) : t("lost.never"));
  if (announced !== "lost") byId("polite").textContent = t("summary.lost");
  announced = "lost";
}

/** An estimate to two digits, as it is no better than that. */
function roughly(count) {
  const step = count >= 100 ? 10 ** (String(count).length - 2) : 1;
  return Math.floor(count / step) * step;
}

function bar() {
  return el("li", {}, el("span", { className: "words" }), el("span", { className: "bar" }, el("span")));
}

function drawBar(row, text, share, kind) {
  setText(row.firstChild, text);
  row.dataset.kind = kind;
  row.lastChild.firstChild.style.setProperty("--share", String(Math.min(share, 1)));
}

export function drawLoad({ load }) {
  setText(byId("load-left"), t(load.measured ? "load.how" : "load.howAssumed"));
  const rows = load.shards.map((one) => ({
    key: `shard-${one.shard}`,
    text: one.stopped ? t("load.stopped", { shard: one.shard }) : t("load.shard", { shard: one.shard, share: percent(one.cpu), legs: counted("unit.legs", one.legs) }),
    share: one.stopped ? 1 : one.cpu,
    kind: one.stopped ? "bad" : one.cpu > 0.8 ? "watch" : "fine",
  }));
  rows.push({ key: "deciding", text: t("load.deciding", { share: percent(load.deciding) }), share: load.deciding, kind: load.deciding > 0.8 ? "watch" : "fine" });
  reconcile(byId("loads"), rows, (row) => row.key, bar, (row, one) => drawBar(row, one.text, one.share, one.kind));
}

export function drawVerdicts({ verdicts }) {
  const whole = Object.values(verdicts).reduce((sum, count) => sum + count, 0);
  const rows = VERDICTS.filter((word) => verdicts[word]);
  byId("verdicts-none").hidden = rows.length > 0;
  reconcile(byId("verdicts"), rows, (word) => word, bar, (row, word) => {
    const kind = word === "good" ? "fine" : word === "unknown" ? "unknown" : word === "bridge" ? "bad" : "watch";
    drawBar(row, `${tCode("verdict", word, "unknown")}: ${number(verdicts[word])}`, verdicts[word] / whole, kind);
  });
}
