// Numbers and times as people read them, in the language of the page.

import { language, t } from "/static/js/i18n.js";

const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;

// The day of 24 hours, which English has by the tag of Britain.
const locale = () => (language() === "en" ? "en-GB" : language());

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(locale(), { maximumFractionDigits: digits }).format(value);

export const percent = (share) => t("unit.percent", { number: number(100 * share) });

/** A figure with its unit, or a dash where nothing was measured. */
export const figure = (value, unit, digits = 0) =>
  value === null || value === undefined ? "–" : t(`unit.${unit}`, { number: number(value, digits) });

export const clock = (when, seconds = true) =>
  new Intl.DateTimeFormat(locale(), { hour: "2-digit", minute: "2-digit", ...(seconds && { second: "2-digit" }) }).format(new Date(when));

export const dayAndClock = (when) =>
  new Intl.DateTimeFormat(locale(), { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }).format(new Date(when));

/** How long, in the largest unit that says something. */
export function lasting(seconds) {
  const [unit, size] = seconds < MINUTE ? ["seconds", 1] : seconds < HOUR ? ["minutes", MINUTE] : seconds < 2 * DAY ? ["hours", HOUR] : ["days", DAY];
  return t(`unit.${unit}`, { number: number(Math.floor(seconds / size)) });
}

/** `one` or `many` of a text. */
export const counted = (key, count, values = {}) =>
  t(`${key}.${count === 1 ? "one" : "many"}`, { number: number(count), ...values });

/** The beginning of an id, which is enough to find it again. */
export const brief = (id) => (id.length > 12 ? `${id.slice(0, 10)}…` : id);
