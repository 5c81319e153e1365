// The start screen and the waiting room.

import { byId, el, icon, setText } from "./dom.js";
import { roleWord, t } from "./i18n.js";
import { drawOwnPicture, drawSwitches } from "./preview.js";

/** One line a device that could not be had, with what the person can do about it. */
function drawProblems(media, retry) {
  const { camera, mic } = media.problems;
  const found = ["camera", "mic"].filter((source) => media.problems[source]);
  const box = byId("start-problems");
  const both = camera === "refused" && mic === "refused";
  const lines = both ? [t("problem.both.refused")] : found.map((source) => t(`problem.${source}.${media.problems[source]}`));
  if (found.length > 0) lines.push(t(`problem.goOn.${found.length > 1 ? "both" : found[0]}`));
  const text = lines.join("\n");
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren(...lines.map((line) => el("p", { textContent: line })));
  if (found.length === 0) return;
  const again = { type: "button", id: "start-retry", className: "button", textContent: t("problem.again"), onclick: retry };
  box.append(el("button", again));
}

/** Draw the start screen; `asking` while the browser's own question is open. */
export function drawStart(media, { asking, known, retry, shortcomings }) {
  setText(byId("start-title"), known?.room ? known.room : t("start.title"));
  setText(byId("start-lead"), t(asking ? "start.asking" : !media.cameraLive ? "start.leadNoPicture" : known?.room ? "start.back" : "start.lead"));
  drawOwnPicture("start", media);
  drawSwitches(byId("start-mic"), byId("start-camera"), media);
  for (const name of ["start-mic", "start-camera", "start-test"]) byId(name).disabled = asking; // there is nothing to switch yet
  if (asking) return;
  drawProblems(media, retry);
  shortcomings?.draw(media);
}

function check(fine, text) {
  const line = el("li", { className: fine ? "fine" : "pending" });
  line.append(icon(fine ? "good" : "wait"), el("span", { textContent: text }));
  return line;
}

/** Draw the waiting room: who you are, own picture, and what works. */
export function drawWaiting(session) {
  const { media, me, welcome } = session;
  const values = { name: me?.name ?? "", role: roleWord(welcome.role), room: welcome.room_name };
  setText(byId("waiting-who"), me ? t("waiting.who", values) : "");
  drawOwnPicture("waiting", media);
  drawSwitches(byId("waiting-mic"), byId("waiting-camera"), media, Boolean(me?.muted && !me.may_unmute));
  const checks = [
    ["camera", media.cameraLive],
    ["mic", media.micLive],
    ["line", session.peer.connected && !session.down],
  ];
  const signature = document.documentElement.lang + checks.map(([, fine]) => Number(fine)).join("");
  const list = byId("waiting-checks");
  if (list.dataset.signature === signature) return;
  list.dataset.signature = signature;
  list.replaceChildren(...checks.map(([name, fine]) => check(fine, t(`check.${name}.${fine ? "fine" : "not"}`))));
}
