// Questions in <dialog>s: confirm, invite, settings.

import { say } from "./announce.js";
import { byId, el, openAndAsk, setText } from "./dom.js";
import { clearDetails, COMPANY, details } from "./inviting.js";
import { locale, t, tCode } from "./i18n.js";
import { openTexting, showTexting, textWish } from "./texting.js";

const REASONS = ["known", "shown", "urgent", "other"];
export const INVITED_ROLES = ["patient", "relative", "interpreter", "specialist", "assistant", "doctor"];

/** Ask; resolves to true for yes. Escape and the cancel button are no; cancel has the focus. */
export async function confirm(title, text, yes) {
  return Boolean(await openAndAsk(byId("dialog-confirm"), () => true, () => {
    setText(byId("confirm-title"), title);
    setText(byId("confirm-text"), text);
    setText(byId("confirm-yes"), yes);
  }));
}

/** Ask why somebody is let in of whom too little is proven; resolves to the reason, or to null. */
export function askReason(name) {
  const choice = byId("reason-choice");
  const text = byId("reason-text");
  const follow = () => {
    byId("reason-text-box").hidden = choice.value !== "other";
    text.required = choice.value === "other";
  };
  const read = () => (choice.value === "other" ? text.value.trim() : t(`reason.${choice.value}`)) || null;
  return openAndAsk(byId("dialog-reason"), read, () => {
    setText(byId("reason-lead"), t("reason.lead", { name }));
    choice.replaceChildren(...REASONS.map((key) => el("option", { value: key, textContent: t(`reason.${key}`) })));
    text.value = "";
    choice.onchange = follow;
    follow();
  });
}

/** Buttons with data-close close the dialog that they are in. */
export function wireCloseButtons() {
  for (const button of document.querySelectorAll("dialog [data-close]")) {
    button.addEventListener("click", () => button.closest("dialog").close());
  }
}

/** Words for when a link stops working, from an RFC 3339 time. */
export function untilWords(expiresAt) {
  const style = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(locale(), style).format(new Date(expiresAt));
}

/** Open the invitation dialog; with `callable` people may be invited to call, with `texts` by text message. Patients invite company. */
export function openInvite({ callable, texts, host, asked }) {
  openTexting(texts);
  byId("invite-pin").checked = false;
  byId("invite-pin-box").hidden = !callable;
  const roles = byId("invite-role");
  const fitting = host ? INVITED_ROLES : COMPANY;
  roles.replaceChildren(...fitting.map((role) => el("option", { value: role, textContent: t(`role.${role}`) })));
  roles.value = host ? "interpreter" : "relative";
  clearDetails(host, asked);
  byId("invite-name").value = "";
  byId("invite-problem").hidden = true;
  byId("invite-form").hidden = false;
  byId("invite-done").hidden = true;
  byId("dialog-invite").showModal();
}

function showLink(name, reply) {
  byId("invite-form").hidden = true;
  byId("invite-done").hidden = false;
  setText(byId("invite-for"), t("invite.done", { name }));
  byId("invite-link").value = reply.link;
  byId("invite-call").hidden = !reply.pin;
  setText(byId("invite-call"), reply.pin ? t("invite.call", { number: reply.number, pin: reply.pin }) : "");
  setText(byId("invite-expires"), t("invite.expires", { time: untilWords(reply.expires_at) }));
  setText(byId("invite-copy"), t("invite.copy"));
  byId("invite-copy").focus();
}

async function copyLink() {
  const field = byId("invite-link");
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
  } catch {
    say(t("invite.copyYourself"), true); // the link is selected: the person copies it with the keyboard
    setText(byId("invite-copy"), t("invite.copyYourself"));
    return;
  }
  setText(byId("invite-copy"), t("invite.copied"));
  say(t("invite.copied"));
}

/** `invite({role, name, pin, text_to, language})` resolves to {link, expires_at, number, pin}. */
export function wireInvite(invite) {
  byId("invite-copy").addEventListener("click", copyLink);
  byId("dialog-invite").addEventListener("close", () => {
    byId("invite-link").value = "";
    setText(byId("invite-call"), "");
  });
  byId("invite-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const name = byId("invite-name").value.trim();
    const problem = byId("invite-problem");
    const text = textWish();
    problem.hidden = Boolean(name && text);
    setText(problem, !name ? t("invite.needName") : text ? "" : t("invite.needNumber"));
    if (!name || !text) return;
    const make = byId("invite-make");
    make.disabled = true; // twice would be two links, and two messages
    try {
      const wish = { role: byId("invite-role").value, name, pin: byId("invite-pin").checked, ...details(), ...text };
      showLink(name, await invite(wish));
      showTexting(text);
    } catch (error) {
      setText(problem, tCode("failed", error.code, "other"));
      problem.hidden = false;
    } finally {
      make.disabled = false;
    }
  });
}
