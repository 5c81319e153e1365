// The link of an invitation by text message: the field for the number in the dialog, and word of what became of it.

import { notice, say } from "./announce.js";
import { byId, el, setText } from "./dom.js";
import { language, t } from "./i18n.js";

const NUMBER = /^\+[1-9][0-9]{6,14}$/;
const NORWEGIAN = /^[2-9][0-9]{7}$/;

/** A number as people write it, in the one form that the bridge takes; null for what is none. */
export function numberIn(text) {
  const plain = text.replace(/[\s().-]/g, "").replace(/^00/, "+");
  const number = NORWEGIAN.test(plain) ? `+47${plain}` : plain;
  return NUMBER.test(number) ? number : null;
}

function field() {
  const known = byId("invite-text");
  if (known) return known;
  const input = el("input", {
    id: "invite-text", type: "text", inputMode: "tel", autocomplete: "off", maxLength: 32, "aria-describedby": "invite-text-hint",
  });
  const box = el(
    "div", { id: "invite-text-box" },
    el("label", { htmlFor: "invite-text" }), input, el("p", { id: "invite-text-hint", className: "hint" }),
  );
  byId("invite-problem").before(box);
  byId("invite-expires").before(el("p", { id: "invite-texted" }));
  return input;
}

/** Empty the field; it is there only where the bridge can send. */
export function openTexting(available) {
  const input = field();
  input.value = "";
  byId("invite-text-box").hidden = !available;
  setText(byId("invite-text-box").firstChild, t("invite.text"));
  setText(byId("invite-text-hint"), t("invite.textHint"));
  setText(byId("invite-texted"), "");
}

/** What the form wishes beside the rest, or null where the number is none. */
export function textWish() {
  const text = field().value.trim();
  if (!text) return {};
  const number = numberIn(text);
  return number && { text_to: number, language: language() };
}

/** The link is made: say that it is on its way, and keep the number no longer. */
export function showTexting(wish) {
  field().value = "";
  setText(byId("invite-texted"), wish.text_to ? t("invite.texting") : "");
  if (wish.text_to) say(t("invite.texting"));
}

/** Tell what became of messages. */
export function wireTexting(session) {
  session.addEventListener("texted", ({ detail: { name, state } }) => {
    const text = t(`texted.${state}`, { name });
    if (byId("invite-texted")?.textContent) setText(byId("invite-texted"), text);
    if (state === "failed") notice(text, { kind: "problem", lasting: true, urgent: true });
    else say(text);
  });
}
