// The questions of one patient after the other: who goes and who comes, and when.

import { el } from "./dom.js";
import { standing, t } from "./i18n.js";

/** Open a dialog with these parts; resolves to `read()` for yes, and to null. */
function ask({ title, lead, yes, no: refusal = t("dialog.cancel") }, parts, read) {
  const heading = el("h2", { id: "ask-title", textContent: title });
  const no = el("button", { type: "button", className: "button", textContent: refusal });
  const go = el("button", { value: "yes", className: "button primary", textContent: yes });
  const form = el("form", { method: "dialog" }, heading, el("p", { textContent: lead }), ...parts, el("div", { className: "row end" }, no, go));
  const dialog = el("dialog", { className: "ask" }, form);
  dialog.setAttribute("aria-labelledby", "ask-title");
  no.addEventListener("click", () => dialog.close("no"));
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const answer = dialog.returnValue === "yes" ? read() : null;
      dialog.remove();
      resolve(answer);
    }, { once: true });
  });
}

/** Who goes, of those inside, and who comes, of those who wait: {leaving, following} or null. */
export function askNext({ waiting, inside }) {
  const boxes = inside.map((person) => {
    const box = el("input", { type: "checkbox", checked: person.role !== "doctor", value: person.participant });
    return { box, person, label: el("label", { className: "check" }, box, ` ${person.name} (${standing(person)})`) };
  });
  const choice = el("select", { id: "next-who" }, ...waiting.map((person) =>
    el("option", { value: person.participant, textContent: `${person.name} (${standing(person)})` })));
  const who = waiting.length === 1
    ? [el("p", { className: "next-in" }, el("strong", { textContent: t("next.in") }), ` ${waiting[0].name} (${standing(waiting[0])})`)]
    : [el("label", { htmlFor: "next-who", textContent: t("next.in") }), choice];
  const out = el("fieldset", {}, el("legend", { textContent: t("next.out") }), ...boxes.map(({ label }) => label));
  const words = { title: t("next.title"), lead: t("next.lead"), yes: t("next.yes") };
  return ask(words, [...(inside.length > 0 ? [out] : []), ...who], () => ({
    leaving: boxes.filter(({ box }) => box.checked).map(({ person }) => person),
    following: waiting.find((person) => person.participant === choice.value),
  }));
}

/** A time that may be left out, or one of some choices: {time, choice} or null. */
export function askTime({ choices = null, ...words }) {
  const field = choices
    ? el("select", { id: "ask-choice" }, ...choices.map(({ value, text }) => el("option", { value, textContent: text })))
    : el("input", { type: "datetime-local", id: "ask-time" });
  const label = el("label", { htmlFor: field.id, textContent: t(choices ? "delay.choice" : "cancel.time") });
  return ask(words, [label, field], () => (choices
    ? { choice: field.value, time: null }
    : { choice: null, time: field.value ? new Date(field.value).toISOString() : null }));
}
