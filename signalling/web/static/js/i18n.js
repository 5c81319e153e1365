// Texts: one catalogue a language, fetched when chosen. Elements carry keys (data-i18n, data-i18n-label).

import { el } from "./dom.js";
import { keepPreference, readPreference } from "./token.js";

export const LANGUAGES = { nb: "Bokmål", nn: "Nynorsk", en: "English" };
const listeners = new Set();
const groups = new Set();
let texts = {};
let current = "nb";
let folder = "/static/i18n";

export const language = () => current;

/** The language to begin with: the last choice, else the first of the browser's that we have, else English. */
export function firstLanguage(stored, wanted) {
  if (stored in LANGUAGES) return stored;
  for (const tag of wanted) {
    const base = tag.toLowerCase().split("-")[0];
    if (base === "no") return "nb";
    if (base in LANGUAGES) return base;
  }
  return "en";
}

/** The text under `key`, with {named} places filled. */
export function t(key, values = {}) {
  const text = texts[key];
  if (text === undefined) {
    console.error(`no text for ${key} in ${current}`);
    return key;
  }
  return text.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
}

/** The text for `prefix.code`, or for `prefix.fallback` when the code is a stranger. */
export function tCode(prefix, code, fallback) {
  return texts[`${prefix}.${code}`] ?? t(`${prefix}.${fallback}`);
}

/** A role's name as it stands inside a sentence. */
const LINES = { sip: "line.room", h323: "line.room", telephone: "line.telephone" };

/** What somebody is, and by what they are here where that is no browser. */
export function standing({ role, line }) {
  const word = t(`role.${role}`);
  return line in LINES ? `${word}, ${t(LINES[line])}` : word;
}

/** The same with the number or address that the networks gave, which proves nothing; the host gets it whole. */
export function whence(person, host) {
  const { number } = person;
  if (!(person.line in LINES)) return standing(person);
  if (!number) return person.line === "telephone" && host ? `${standing(person)}, ${t("line.hidden")}` : standing(person);
  // Whom the host has called is at the number that the host gave; who calls is wherever the networks say.
  const words = host && person.place !== "called" ? t("line.unproven", { number: grouped(number) }) : grouped(number);
  return `${standing(person)}, ${words}`;
}

/** Norwegian numbers in pairs, as people read them out; no line ends within a number. */
export const grouped = (number) =>
  number.replace(/^(\+47)(\d\d)(\d\d)(\d\d)(\d\d)$/, "$1 $2 $3 $4 $5").replaceAll(" ", "\u00a0");

/** For dates and times: English as it is written in Europe. */
export const locale = () => (current === "en" ? "en-GB" : current);

export const roleWord = (role) => t(`role.${role}`).toLocaleLowerCase(current);

export const hasText = (key) => key in texts;

export function apply(root = document) {
  for (const node of root.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
  for (const node of root.querySelectorAll("[data-i18n-label]")) node.setAttribute("aria-label", t(node.dataset.i18nLabel));
}

/** `listener` runs now and after every change of language. */
export function onLanguage(listener) {
  listeners.add(listener);
  listener();
}

export async function setLanguage(code) {
  const answer = await fetch(`${folder}/${code}.json`);
  if (!answer.ok) throw new Error(`texts for ${code}: ${answer.status}`);
  texts = await answer.json();
  current = code;
  document.documentElement.lang = code;
  apply();
  for (const node of groups) markChosen(node);
  for (const listener of listeners) listener();
}

/** Begin with the language of whoever looks; `from` is where the catalogues are. */
export async function startLanguage(from = folder) {
  folder = from;
  await setLanguage(firstLanguage(readPreference("language"), navigator.languages ?? [navigator.language]));
}

function markChosen(group) {
  for (const button of group.children) button.setAttribute("aria-pressed", String(button.lang === current));
}

/** Fill `group` with one button a language, each named in its own language. */
export function languageButtons(group) {
  for (const [code, name] of Object.entries(LANGUAGES)) {
    const onclick = () => {
      keepPreference("language", code);
      setLanguage(code);
    };
    group.append(el("button", { type: "button", className: "language", lang: code, textContent: name, onclick }));
  }
  groups.add(group);
  markChosen(group);
}
