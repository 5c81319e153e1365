// The last screen: every reason has its own calm words, and a way on where there is one.

import { byId, setText } from "./dom.js";
import { hasText, t } from "./i18n.js";
import { cameFromDuty } from "./token.js";
import { timeWords } from "./turn.js";

/** Codes after which another try can help, with the key of the button's words. */
const WAYS_ON = {
  link_used: "ending.again",
  login_needed: "ending.again",
  other_person: "ending.again",
  room_locked: "ending.again",
  room_full: "ending.again",
  left: "ending.enterAgain",
  replaced: "ending.here",
  unsupported_version: "ending.reload",
  too_many: "ending.again",
  internal: "ending.again",
};
const SILENT_CODES = new Set(["left", "ended", "removed", "refused", "replaced", "cancelled"]);

/** The code whose words are shown: an unknown one is told as a fault of the service. */
export const shownCode = (code) => (hasText(`end.${code}.title`) ? code : "internal");

/** Draw it; `newTime` is when what was called off takes place instead. */
export function drawEnding(code, newTime = null) {
  const shown = shownCode(code);
  setText(byId("end-title"), t(`end.${shown}.title`));
  setText(byId("end-text"), newTime ? t("cancel.newTime", { time: timeWords(newTime) }) : t(`end.${shown}.text`));
  const advice = newTime ? "cancel.advice" : `end.${shown}.advice`;
  setText(byId("end-advice"), hasText(advice) ? t(advice) : "");
  setText(byId("end-code"), SILENT_CODES.has(code) ? "" : t("ending.code", { code }));
  byId("end-duty").hidden = !cameFromDuty();
  const again = byId("end-again");
  again.hidden = !(shown in WAYS_ON);
  if (!again.hidden) setText(again, t(WAYS_ON[shown]));
}
