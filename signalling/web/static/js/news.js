// What is worth saying when one roster follows another. Pure.

import { consentOf } from "./consents.js";
import { employerWords } from "./employer.js";

/** Items: {key, values or names, chime?, urgent?, show?}; `show` means seen on the page as well as spoken. */
export function news(before, after) {
  return [...aboutMe(before, after), ...(after.host ? knocks(before, after) : []), ...comings(before, after), ...(after.host ? changesOfMind(before, after) : []), ...lockNews(before, after), ...shortNews(before, after)];
}

const byId = (roster) => new Map((roster?.people ?? []).map((person) => [person.participant, person]));
const mine = (roster) => roster?.people.find((person) => person.you) ?? null;
const inside = (person) => person?.place === "admitted";

function aboutMe(before, after) {
  const was = mine(before);
  const am = mine(after);
  if (!was || !am) return [];
  const items = [];
  if (!inside(was) && inside(am)) items.push({ key: "news.admitted", chime: true });
  if (inside(was) && !inside(am)) items.push({ key: "news.toWaiting", urgent: true, show: true });
  if (!was.host && am.host) items.push({ key: "news.youHost", show: true });
  return items;
}

function knocks(before, after) {
  const old = byId(before);
  const waiting = after.people.filter((person) => person.place === "waiting" && !person.you);
  const fresh = waiting.filter((person) => old.get(person.participant)?.place !== "waiting");
  return fresh.map((person) => ({ key: "news.waits", values: { name: person.name }, role: person.role, chime: true }));
}

function comings(before, after) {
  if (!inside(mine(before)) || !inside(mine(after))) return [];
  const old = byId(before);
  const now = byId(after);
  const came = after.people.filter((person) => !person.you && inside(person) && !inside(old.get(person.participant)));
  const went = before.people.filter((person) => !person.you && inside(person) && !inside(now.get(person.participant)));
  const shares = after.people.filter((each) => !each.you && each.sharing && !old.get(each.participant)?.sharing);
  const introduced = (person) => ({ name: person.employer ? `${person.name} (${employerWords(person.employer)})` : person.name });
  const item = (key, people, show) => (people.length > 0 ? [{ key, names: people.map((person) => person.name), show }] : []);
  const called = after.people.filter((each) => each.place === "called" && !old.has(each.participant));
  const calls = after.host ? [] : called.map(({ name, role }) => ({ key: "news.calls", values: { name }, role, show: true }));
  return [...calls, ...item("news.came", came.map(introduced), true), ...item("news.went", went, true), ...item("news.shares", shares, false)];
}

function changesOfMind(before, after) {
  const old = byId(before);
  const was = ({ participant }) => old.get(participant);
  const turned = after.people.filter((each) => !each.you && was(each) && consentOf(was(each)) !== "withdrawn" && consentOf(each) === "withdrawn");
  return turned.map(({ name }) => ({ key: "news.withdrew", values: { name }, show: true }));
}

function shortNews(before, after) {
  return after.short && !before?.short ? [{ key: "panel.short" }] : [];
}

function lockNews(before, after) {
  if (!before || before.locked === after.locked) return [];
  return [{ key: after.locked ? "news.locked" : "news.unlocked" }];
}
