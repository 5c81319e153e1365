// Going on by telephone: a number and a PIN of one's own, from the waiting room, the call, or where no call can be.

import { attempt } from "./acts.js";
import { byId, el, setText } from "./dom.js";
import { confirm } from "./dialogs.js";
import { grouped, onLanguage, t } from "./i18n.js";
import { ProtocolError } from "./protocol.js";
import { readResume, resumeKey } from "./token.js";

const NO_LINE = new Set(["offline", "timeout"]);

/** Fill `box` with what to call: a button that dials where a telephone network leads here, else the numbers. */
export function drawWay(box, { number, pin, telephone }) {
  const heading = el("h2", { textContent: t("instead.title") });
  if (!telephone) {
    box.replaceChildren(heading, el("p", { className: "pin-to-call", textContent: t("invite.call", { number, pin }) }));
    return;
  }
  // Commas are pauses: the PIN is keyed in by the telephone itself, where it can.
  const href = `tel:${telephone},,${pin}%23`;
  const dial = el("a", { href, className: "button primary huge", textContent: t("instead.dial", { telephone: grouped(telephone) }) });
  box.replaceChildren(heading, dial, el("p", { className: "pin-to-call", textContent: t("instead.pin", { pin }) }));
}

/** By the link alone, for a page that has no connection; resolves to the way, rejects where there is none. */
export async function wayByLink(token) {
  const resume = crypto.subtle ? readResume(await resumeKey(token)) : null;
  const answer = await fetch("/api/v1/calls", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ token, resume }),
  }).catch(() => { throw new ProtocolError("offline"); });
  if (!answer.ok) throw new ProtocolError("wrong_state", `no way to call: ${answer.status}`);
  return answer.json();
}

/** Buttons in the waiting room and among the settings; who presses one leaves, and is shown what to call. */
export function offerCall(session, token) {
  const make = () => el("button", { type: "button", className: "button quiet call-instead", hidden: true, onclick: () => change(session, token) });
  const buttons = [make(), make()];
  byId("waiting-leave").parentElement.append(buttons[0]);
  byId("settings-languages").after(buttons[1]);
  onLanguage(() => { for (const button of buttons) setText(button, t("instead.button")); });
  session.addEventListener("welcome", () => { for (const button of buttons) button.hidden = !session.welcome.calls; });
}

async function change(session, token) {
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  if (await confirm(t("sure.instead.title"), t("sure.instead.text"), t("sure.instead.yes"))) await attempt(() => goByTelephone(session, token));
}

/** Leave the page for the telephone: over the line if it is there, else by the link. Rejects where there is no way. */
export async function goByTelephone(session, token) {
  const way = await session.act("call_instead").catch((error) => {
    if (!NO_LINE.has(error.code)) throw error;
    return wayByLink(token);
  });
  session.leave(); // a PIN takes no place from a page that is there
  const box = el("div", { id: "end-call", className: "problems" });
  byId("end-text").after(box);
  byId("end-again").classList.remove("primary");
  onLanguage(() => {
    setText(byId("end-title"), t("poor.call"));
    setText(byId("end-text"), t("instead.left"));
    drawWay(box, way);
  });
  // A telephone asks its owner whether to call: the same press goes as far as that.
  if (matchMedia("(pointer: coarse)").matches) box.querySelector("a")?.click();
}
