// A row of the list of those who are here: name, role, quality, and behind a button the host's acts, who the person
// is known to be, what encrypts their media, and figures.

import { consentOf } from "./consents.js";
import { basisWords } from "./basis.js";
import { el, icon, setIcon, setText } from "./dom.js";
import { workWords } from "./employer.js";
import { language, t, whence } from "./i18n.js";
import { cells, COLUMNS, fault, FIGURES, quality, WHOLE_FIGURES } from "./stats.js";

const ACTS = ["still", "mute", "muteHold", "unmute", "confirmIdentity", "withdrawIdentity", "suggestCall", "toWaiting", "appoint", "handOver", "remove"];
// What the host must not miss.
const WEAK_KEYS = new Set(["none", "exposed", "unproved"]);
const OWN_LINE = new Set(["uplink", "downlink"]);
const CLINICIANS = new Set(["doctor", "specialist"]);
let nextId = 0;

export function makePerson(person, acts) {
  const id = `more-${nextId++}`;
  const more = el("button", { type: "button", className: "button quiet more", data: { action: "more" } });
  more.setAttribute("aria-expanded", "false");
  more.setAttribute("aria-controls", id);
  const body = el("div", { id, className: "person-more", hidden: true }, actButtons(person, acts), el("p", { className: "identity" }), el("p", { className: "basis-line" }), el("p", { className: "encryption" }), table());
  more.addEventListener("click", () => {
    body.hidden = !body.hidden;
    more.setAttribute("aria-expanded", String(!body.hidden));
  });
  const words = el("div", { className: "who" }, el("strong"), el("span", { className: "role" }), el("span", { className: "work" }), el("span", { className: "state" }));
  const link = el("span", { className: "quality" }, icon("unknown"), el("span"));
  const suggest = el("button", { type: "button", className: "button", data: { action: "offerCall" }, onclick: () => acts.suggestCall(person.participant) });
  const blame = el("div", { className: "blame", hidden: true }, icon("poor"), el("p", {}, el("strong"), " ", el("span")), suggest);
  return el("li", { className: "person" }, el("div", { className: "person-head" }, words, link, more), blame, body);
}

function actButtons(person, acts) {
  const box = el("div", { className: "acts" });
  for (const name of ACTS) {
    const kind = name === "remove" ? "button danger" : "button";
    const node = el("button", { type: "button", className: kind, data: { action: name } });
    node.addEventListener("click", () => acts[name](person.participant));
    box.append(node);
  }
  return box;
}

function table() {
  const ways = ["up", "down"].map((way) => headCell("colgroup", way, 2));
  const media = COLUMNS.map(([, medium]) => headCell("col", medium, 1));
  const head = el("thead", {}, el("tr", {}, el("td"), ...ways), el("tr", {}, el("td"), ...media));
  const rows = FIGURES.map((figure) => {
    const columns = COLUMNS.map(([way, medium]) => el("td", { data: { cell: `${way}.${medium}.${figure}` } }));
    return el("tr", {}, headCell("row", figure, 1), ...columns);
  });
  const wholes = WHOLE_FIGURES.map((figure) =>
    el("tr", {}, headCell("row", figure, 1), el("td", { colSpan: COLUMNS.length, data: { cell: figure } })));
  return el("table", { className: "figures" }, el("caption"), head, el("tbody", {}, ...rows, ...wholes));
}

const headCell = (scope, name, colSpan) => el("th", { scope, colSpan, data: { head: name } });

/** Which acts fit this person now. */
export function actsFor({ person, host, calls }) {
  if (!host || person.you) return new Set();
  const onPage = person.connected && (person.line ?? "browser") === "browser";
  const fitting = new Set(["toWaiting", "remove", person.muted ? "unmute" : "mute"]);
  if (person.connected) fitting.add(person.confirmed ? "withdrawIdentity" : "confirmIdentity");
  if (onPage) fitting.add("still");
  if (onPage && calls && !person.invited?.many) fitting.add("suggestCall");
  if (!person.muted || person.may_unmute) fitting.add("muteHold");
  if (CLINICIANS.has(person.role) && !person.host && person.connected) fitting.add("handOver");
  if (CLINICIANS.has(person.role) && person.invited && !person.invited.substitute) fitting.add("appoint");
  return fitting;
}

function states(person, host) {
  const keys = [];
  if (person.you) keys.push("person.you");
  if (person.host) keys.push("person.host");
  if (!person.connected) keys.push("person.lost");
  if (person.muted) keys.push(person.may_unmute ? "person.muted" : "person.held");
  if (!person.camera) keys.push("person.noCamera");
  if (person.sharing) keys.push("person.sharing");
  if (host && person.assurance !== "none") keys.push(`person.assurance.${person.assurance}`);
  if (host && person.relation) keys.push(`person.relation.${person.relation}`);
  if (person.confirmed) keys.push("person.confirmed");
  else if (host && isUnknown(person)) keys.push("person.unknown");
  if (host && !person.you && consentOf(person) !== "given") keys.push(`person.consent.${consentOf(person)}`);
  if (person.line === "telephone") keys.push("person.phoneNetwork");
  else if (host && WEAK_KEYS.has(person.encryption?.keys)) keys.push(`person.keys.${person.encryption.keys}`);
  return keys.map((key) => t(key)).join(" · ");
}

export function fillPerson(row, { person, host, calls, figures }) {
  const fitting = actsFor({ person, host, calls });
  setText(row.querySelector("strong"), person.name);
  setText(row.querySelector(".role"), whence(person, host));
  setText(row.querySelector(".work"), workWords(person));
  setText(row.querySelector(".state"), states(person, host));
  fillBlame(row, person, host && person.connected ? fault(figures) : null, fitting);
  const word = quality(person.connected ? figures : null);
  const link = row.querySelector(".quality");
  link.hidden = !host;
  link.dataset.quality = word;
  setIcon(link.firstChild, word);
  setText(link.lastChild, t(`quality.${word}`));
  const more = row.querySelector(".more");
  more.hidden = !host;
  setText(more, t("person.more"));
  more.setAttribute("aria-label", t("person.moreName", { name: person.name }));
  if (!host) row.querySelector(".person-more").hidden = true;
  setText(row.querySelector(".encryption"), encryption(person));
  setText(row.querySelector(".identity"), identity(person));
  setText(row.querySelector(".basis-line"), basisWords(person.invited));
  for (const name of ACTS) {
    const node = row.querySelector(`[data-action=${name}]`);
    node.hidden = !fitting.has(name);
    setText(node, t(`person.${name}`));
  }
  fillTable(row, figures);
}

/** Who the person is known to be: by a login, by somebody's word, or not at all. */
function identity({ assurance, confirmed, relation }) {
  const sure = assurance !== "none";
  const said = confirmed ? "identity.confirmed" : sure ? null : "identity.none";
  const comes = relation && t("identity.relation", { relation: t(`person.relation.${relation}`) });
  return [sure && t(`identity.${assurance}`), comes, said && t(said)].filter(Boolean).join(" ");
}

function encryption({ encryption: of, line }) {
  const keys = of?.keys ?? "unknown";
  const text = t(`encryption.${keys}`);
  return line === "telephone" ? `${text} ${t("encryption.phoneNetwork")}` : text;
}

/** Whether somebody has come by a line on which anybody can be, and nobody has said who it is. */
const isUnknown = ({ line, confirmed }) => line !== undefined && line !== "browser" && !confirmed;

const LEVELS = ["none", "low", "substantial", "high"];

/** Whether less is proven of who somebody is than their invitation requires. */
export const lacksProof = ({ assurance, required }) => LEVELS.indexOf(assurance) < LEVELS.indexOf(required);

/** How sure it is who is waiting, as the host has to know before admitting. */
export function sureness(person) {
  const sure = person.assurance === "none" && isUnknown(person) ? t("person.unknown") : t(`person.assurance.${person.assurance}`);
  const known = person.relation ? `${sure}, ${t(`person.relation.${person.relation}`)}` : sure;
  return lacksProof(person) ? `${known} (${t(`person.required.${person.required}`)})` : known;
}

/** What is to blame and what can be done about it, in words; of a bad line, also by telephone. */
function fillBlame(row, { you, name }, word, fitting) {
  const [box, more] = [row.querySelector(".blame"), row.querySelector(".more")];
  if (!word && box.contains(document.activeElement)) more.focus();
  box.hidden = !word;
  if (!word) return;
  setText(box.querySelector("strong"), t(you ? `verdict.you.${word}` : `verdict.${word}`));
  setText(box.querySelector("p").lastChild, t(you ? `advice.you.${word}` : `advice.${word}`));
  const suggest = box.querySelector("button");
  suggest.hidden = !(OWN_LINE.has(word) && fitting.has("suggestCall"));
  setText(suggest, t("person.suggestCall"));
  suggest.setAttribute("aria-label", `${t("person.suggestCall")}: ${name}`);
}

function fillTable(row, figures) {
  setText(row.querySelector("caption"), t("figures.title"));
  for (const node of row.querySelectorAll("[data-head]")) setText(node, t(`figures.${node.dataset.head}`));
  const values = cells(figures, language());
  for (const node of row.querySelectorAll("[data-cell]")) setText(node, values[node.dataset.cell]);
}
