// For whom somebody works, and that they are health personnel: what a login proved, in words.

import { t } from "./i18n.js";

const inThrees = (number) => number.match(/\d{3}/g).join("\u00a0");

/** An organisation by its name, or by its number where the operator has given it none. */
export const employerWords = ({ number, name }) => name ?? t("work.organisation", { number: inThrees(number) });

/** What everybody in the room reads of somebody's work; nothing, where no login has proven anything of it. */
export function workWords({ health_personnel: health, employer }) {
  const known = [health && t("work.health"), employer && employerWords(employer)].filter(Boolean);
  return known.length > 0 ? t("work.proven", { what: known.join(", ") }) : "";
}
