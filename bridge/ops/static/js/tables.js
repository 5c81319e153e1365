// Who is worst off, rooms and their connections, gateways, converters, and what went wrong in the last hour.

import { byId, el, reconcile, setText } from "/static/js/dom.js";
import { hasText, t, tCode } from "/static/js/i18n.js";
import { brief, clock, counted, figure, lasting, number } from "./words.js";

const LINK_COLUMNS = ["verdict", "for", "lossUp", "lossDown", "jitter", "rtt", "sound"];

const worse = (link, name) => Math.max(link.up[name] ?? 0, link.down[name] ?? 0) || null;

/** The figures of a link, in the order of LINK_COLUMNS. */
function linkCells(link) {
  if (!link) return LINK_COLUMNS.map((_, index) => (index ? "–" : t("verdict.unknown")));
  const sound = [link.up.mos, link.down.mos].filter((mos) => mos !== null);
  return [
    tCode("verdict", link.verdict, "unknown"),
    lasting(link.for_s),
    figure(link.up.loss_percent, "percent", 1),
    figure(link.down.loss_percent, "percent", 1),
    figure(worse(link, "jitter_ms"), "ms"),
    figure(link.rtt_ms, "ms"),
    sound.length ? number(Math.min(...sound), 1) : "–",
  ];
}

const cell = (role) => el("div", { role });
const line = (role, columns) => el("div", { role: "row" }, ...columns.map(() => cell(role)));

function fill(row, columns, texts) {
  texts.forEach((text, index) => {
    const node = row.children[index];
    node.dataset.label = t(`column.${columns[index]}`);
    setText(node, text);
  });
}

/** A table of ARIA roles, since its rows become cards in a narrow window, which takes a real one's meaning away. */
function drawTable(box, name, columns, items, key, texts) {
  if (!box.firstChild) {
    box.className = "table";
    box.setAttribute("role", "table");
    box.append(el("div", { role: "rowgroup", className: "head" }, line("columnheader", columns)), el("div", { role: "rowgroup", className: "body" }));
  }
  box.setAttribute("aria-label", name);
  box.style.setProperty("--columns", String(columns.length));
  fill(box.firstChild.firstChild, columns, columns.map((column) => t(`column.${column}`)));
  reconcile(box.lastChild, items, key, () => line("cell", columns), (row, item) => fill(row, columns, texts(item)));
}

export function drawWorst({ worst }) {
  const columns = ["leg", "room", ...LINK_COLUMNS];
  byId("worst").hidden = worst.length === 0;
  byId("worst-none").hidden = worst.length > 0;
  const texts = (link) => [link.leg, link.room ? brief(link.room) : "–", ...linkCells(link)];
  drawTable(byId("worst"), t("worst.title"), columns, worst, (link) => link.leg, texts);
}

/** What there is to say of a room, the bad first. */
function roomWords(room) {
  const faults = Object.entries(room.faults).map(([word, count]) => `${tCode("verdict", word, "unknown")}: ${number(count)}`);
  const signs = ["in_doubt", "short"].filter((name) => room[name]).map((name) => t(`room.${name}`));
  const people = [counted("room.inCall", room.in_call)];
  for (const name of ["waiting", "away", "by_call"]) if (room[name]) people.push(t(`room.${name}`, { number: number(room[name]) }));
  if (room.locked) people.push(t("room.locked"));
  return { people: people.join(" · "), trouble: [...signs, ...faults].join(" · ") };
}

function makeRoom(room, toggle) {
  const button = el("button", { type: "button", className: "button quiet", onclick: () => toggle(room.room) });
  const head = el("div", { className: "room-head" }, el("code"), el("span", { className: "people" }), el("span", { className: "trouble" }), button);
  return el("li", {}, head, el("div", { hidden: true }));
}

const placeOf = (leg) => (leg.connected ? leg.place : "away");

function drawLegs(box, legs) {
  const columns = ["leg", "line", "place", "cipher", ...LINK_COLUMNS];
  const texts = (leg) => [
    leg.leg ?? "–",
    tCode("line", leg.line, "other"),
    t(`place.${placeOf(leg)}`),
    leg.keys === "none" ? t("cipher.none") : leg.cipher ?? "–",
    ...linkCells(leg.link),
  ];
  const rows = legs.map((leg, index) => ({ ...leg, key: leg.leg ?? `without ${index}` }));
  drawTable(box, t("legs.title"), columns, rows, (leg) => leg.key, texts);
}

/** Draw the rooms; `open` is the one whose connections are shown, with those in `legs`. */
export function drawRooms({ rooms }, { open, legs, toggle }) {
  const more = [rooms.left_out && t("rooms.leftOut", { number: number(rooms.left_out) }), rooms.empty && t("rooms.empty", { number: number(rooms.empty) })];
  const none = rooms.rooms.length === 0 ? [t("rooms.none")] : [];
  setText(byId("rooms-none"), [...none, ...more.filter(Boolean)].join(" "));
  reconcile(byId("rooms"), rooms.rooms, (room) => room.room, (room) => makeRoom(room, toggle), (row, room) => {
    const [id, people, trouble, button] = row.firstChild.children;
    const words = roomWords(room);
    const shown = open === room.room;
    setText(id, shown ? room.room : brief(room.room));
    setText(people, `${t("room.since", { time: clock(room.opened, false) })} · ${words.people}`);
    setText(trouble, words.trouble);
    setText(button, t(shown ? "room.hide" : "room.show"));
    button.setAttribute("aria-expanded", String(shown));
    button.setAttribute("aria-label", `${button.textContent}: ${brief(room.room)}`);
    row.lastChild.hidden = !shown || legs === null;
    if (shown && legs !== null) drawLegs(row.lastChild, legs);
  });
}

function drawFacts(box, items, key, texts) {
  reconcile(box, items, key, () => el("li", {}, el("span", { className: "what" }), el("span", { className: "how" })), (row, item) => {
    const [what, how, kind] = texts(item);
    setText(row.firstChild, what);
    setText(row.lastChild, how);
    row.dataset.kind = kind;
  });
}

export function drawGateways({ gateways }) {
  byId("gateways-none").hidden = gateways.length > 0;
  drawFacts(byId("gateways"), gateways, (one) => one.name, (one) => [
    one.name,
    `${one.trouble ? tCode("gateway", one.trouble, "other") : t("gateway.fine")} · ${counted("unit.calls", one.calls)}`,
    one.trouble ? "watch" : "fine",
  ]);
}

export function drawConverters({ converters }) {
  const { workers, jobs, short } = converters;
  const items = [["workers", workers], ...Object.entries(jobs), ["short", short]];
  drawFacts(byId("converters"), items, ([name]) => name, ([name, count]) => [
    hasText(`converters.${name}`) ? t(`converters.${name}`) : name,
    number(count),
    name === "short" && count > 0 ? "watch" : "fine",
  ]);
}

export function drawLetters({ letters }) {
  const items = Object.entries(letters);
  byId("letters-none").hidden = items.length > 0;
  drawFacts(byId("letters"), items, ([name]) => name, ([name, count]) => [name, t("letters.waiting", { number: number(count) }), "plain"]);
}

/** Codes are those of logs and metrics, so that what is found here can be looked for there. */
export function drawHappened({ happened }) {
  byId("happened-none").hidden = happened.length > 0;
  drawFacts(byId("happened"), happened, (one) => `${one.what} ${one.code}`, (one) => [
    `${tCode("happened", one.what, "other")} (${one.code})`,
    counted("happened.line", one.number, { ago: lasting(one.ago_s) }),
    "plain",
  ]);
}
