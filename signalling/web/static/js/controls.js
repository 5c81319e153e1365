// The bar at the foot of a call, and the shortcuts M and V.

import { byId, el, setFace, setText } from "./dom.js";
import { t } from "./i18n.js";
import { drawSwitches } from "./preview.js";
import { keepPreference, readPreference } from "./token.js";

const NAMES = ["mic", "camera", "flip", "share", "people", "chat", "settings", "leave"];
const SHORTCUTS = "shortcuts";

/** Whether single-key shortcuts are wanted (WCAG 2.1.4 asks for a way to turn them off). */
export const shortcutsOn = () => readPreference(SHORTCUTS) !== "off";
export const setShortcuts = (on) => keepPreference(SHORTCUTS, on ? "on" : "off");

/** Make the bar; `acts` has a function for each of its buttons. */
export function makeControls(acts) {
  for (const name of NAMES) {
    const node = el("button", { type: "button", id: `control-${name}`, className: `control ${name}` });
    node.addEventListener("click", () => acts[name]());
    byId("controls").append(node);
  }
  const people = byId("control-people");
  people.setAttribute("aria-controls", "panel");
  byId("control-chat").setAttribute("aria-controls", "chat");
}

/** Draw the bar; `cameras` is the number of cameras, `panelOpen` and `waiting` (a count) are for the panel's button, `chat` is that. */
export function drawControls(session, { cameras, panelOpen, waiting, chat }) {
  const { media, me } = session;
  drawSwitches(byId("control-mic"), byId("control-camera"), media, Boolean(me?.muted && !me.may_unmute));
  const flip = byId("control-flip");
  flip.hidden = cameras < 2 || !media.cameraLive || !matchMedia("(pointer: coarse)").matches;
  setFace(flip, "flip", t("control.flip"));
  const share = byId("control-share");
  share.hidden = !navigator.mediaDevices?.getDisplayMedia;
  const sharing = Boolean(media.tracks.content);
  share.classList.toggle("active", sharing);
  setFace(share, sharing ? "screen-off" : "screen", t(sharing ? "control.stopShare" : "control.share"));
  const people = byId("control-people");
  setFace(people, "people", t("control.people"));
  people.setAttribute("aria-expanded", String(panelOpen));
  people.dataset.waiting = waiting > 0 ? String(waiting) : "";
  people.setAttribute("aria-label", waiting > 0 ? t("control.peopleWaiting", { count: waiting }) : t("control.people"));
  const write = byId("control-chat");
  setFace(write, "chat", t("control.chat"));
  write.setAttribute("aria-expanded", String(chat.open));
  write.dataset.waiting = chat.unread > 0 ? String(chat.unread) : "";
  write.setAttribute("aria-label", chat.unread > 0 ? t("control.chatUnread", { count: chat.unread }) : t("control.chat"));
  setFace(byId("control-settings"), "settings", t("control.settings"));
  setFace(byId("control-leave"), "leave", t("control.leave"));
  setText(byId("call-title"), session.welcome?.room_name ?? "");
}

function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, select, textarea"));
}

/** M and V, unless somebody types, holds another key, has a dialog open or turned them off. */
export function wireShortcuts(inCall, acts) {
  document.addEventListener("keydown", (event) => {
    if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || typing(event.target)) return;
    if (!inCall() || !shortcutsOn() || document.querySelector("dialog[open]")) return;
    const act = { m: acts.mic, v: acts.camera }[event.key.toLowerCase()];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
