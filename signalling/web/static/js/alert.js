// A note on the doctor's desktop when somebody comes to wait and another window is in front. It names nobody: others
// may see the screen.

import { byId, el, setText } from "./dom.js";
import { onLanguage, t } from "./i18n.js";
import { keepPreference, readPreference } from "./token.js";

const WANTED = "alerts";
const wanted = () => readPreference(WANTED) === "on" && window.Notification?.permission === "granted";

/** Put the choice into the settings; of no use where the browser has no notes. */
export function wireAlerts() {
  if (!window.Notification) return;
  const box = el("input", { type: "checkbox", id: "settings-alerts" });
  const words = el("span");
  byId("settings-shortcuts").closest("label").after(el("label", { className: "check" }, box, " ", words));
  box.checked = wanted();
  box.addEventListener("change", async () => {
    const granted = box.checked && (await Notification.requestPermission()) === "granted";
    keepPreference(WANTED, granted ? "on" : "off");
    box.checked = granted;
  });
  onLanguage(() => setText(words, t("alert.setting")));
}

/** Only to hosts is anything said of who waits. */
export function offerAlerts(host) {
  const box = byId("settings-alerts");
  if (box) box.closest("label").hidden = !host;
}

/** Somebody waits: say so where the page cannot be seen. */
export function alertOfWaiting() {
  if (!document.hidden || !wanted()) return;
  const note = new Notification(t("alert.title"), { body: t("alert.body"), tag: "waiting", renotify: true });
  note.addEventListener("click", () => {
    window.focus();
    note.close();
  });
}
