// On what somebody is here: the ground that is on record, and who asked for them. Pure but for the words.

import { roleWord, t } from "./i18n.js";

export const GROUNDS = ["appointment", "drop_in", "power_of_attorney", "guardian", "interpreting", "care", "on_duty", "patients_wish", "other"];

/** The words of an `invited` of the roster, for the host; "" where nothing is known. */
export function basisWords(invited) {
  if (!invited) return "";
  const { ground, reference, by } = invited;
  const first = ground ? t(`ground.${ground}`) : "";
  const why = reference ? `${first} (${reference})`.trim() : first;
  const whom = by ? t("basis.by", { name: by.name, role: roleWord(by.role) }) : "";
  return [why, whom, invited.substitute ? t("basis.substitute") : ""].filter(Boolean).join(" · ");
}

/** Patients who are in, or whom a patient has asked to come, and whom `person` must not meet. */
export function wouldMeet(roster, person) {
  if (person.role !== "patient") return [];
  const inside = roster.people.filter((each) => each.place === "admitted" && each.participant !== person.participant);
  const apart = (each) => Boolean(each.invited?.apart);
  return inside.filter((each) => each.role === "patient" && (apart(each) || apart(person)));
}
