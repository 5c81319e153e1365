// The page of those on duty: who is at it, whether it rings, and from there into a room.

import { clearNotice, notice, say } from "../announce.js";
import { byId, el, setText } from "../dom.js";
import { languageButtons, onLanguage, startLanguage, t, tCode } from "../i18n.js";
import { keepDuty } from "../token.js";
import { DutyChannel } from "./channel.js";
import { Ring } from "./ring.js";
import { drawRooms, stateOf } from "./rooms.js";

const LOGINS = "/api/v1/logins";
const SCREENS = ["loading", "login", "start", "duty", "off"];
const LOOK_MS = 5000;
const page = { screen: "loading", logins: null, channel: null, who: null, rooms: [], skew: 0, busy: null, asked: null, silenced: new Set(), down: false, off: null };
const ring = new Ring((held) => { byId("duty-sound").hidden = !held; });

function show(screen) {
  if (page.screen === screen) return;
  page.screen = screen;
  document.body.dataset.screen = screen;
  for (const name of SCREENS) byId(`screen-${name}`).hidden = name !== screen;
  byId(`screen-${screen}`).querySelector("h1").focus();
}

const ringing = () => page.rooms.filter((room) => stateOf(room) === "ringing");

/** Ring for rooms that wait, unless somebody has stopped it for each of them; never on a line that is down. */
function ringAsNeeded() {
  const now = ringing();
  for (const room of page.silenced) if (!now.some((one) => one.room === room)) page.silenced.delete(room);
  const loud = page.screen === "duty" && !page.down && page.busy === null && now.some(({ room }) => !page.silenced.has(room));
  if (loud) ring.start();
  else ring.stop();
  byId("silence").hidden = !loud;
  byId("screen-duty").dataset.ringing = String(now.length > 0 && !page.down);
}

function stateWords(count) {
  if (page.down) return t("duty.unknown");
  if (count === 0) return page.rooms.length ? t("duty.others") : t("duty.quiet");
  return count === 1 ? t("duty.waits.one") : t("duty.waits.many", { number: count });
}

function draw() {
  drawLogin();
  setText(byId("off-text"), tCode("off", page.off, "other"));
  const count = ringing().length;
  document.title = count && page.screen === "duty" ? `(${count}) ${t("duty.name")}` : t("duty.name");
  if (!page.who) return;
  setText(byId("duty-title"), t("duty.title", { name: page.who.name }));
  setText(byId("duty-rotas"), t("duty.rotas", { titles: page.who.rotas.map(({ title }) => title).join(", ") }));
  byId("duty-down").hidden = !page.down;
  setText(byId("duty-state"), stateWords(count));
  drawRooms(byId("duty-rooms"), page.down ? [] : page.rooms, { now: Date.now() + page.skew, busy: page.busy, take });
  ringAsNeeded();
}

function drawLogin() {
  const { providers, assurance } = page.logins ?? { providers: [], assurance: "none" };
  setText(byId("login-text"), t(providers.length ? "duty.login.text" : "duty.login.none"));
  const ways = providers.map(({ name, title }) => el("a", { className: "button primary huge", href: `/login/${name}?duty`, textContent: t("login.by", { title }) }));
  byId("login-ways").replaceChildren(...ways);
  setText(byId("start-who"), assurance === "none" ? "" : t(`login.as.${assurance}`));
}

/** Say what is new to those who do not look at the page. */
function tell(before, after) {
  const known = new Map(before.map((room) => [room.room, room]));
  for (const room of after) {
    const was = known.get(room.room);
    if (stateOf(room) === "ringing" && (!was || stateOf(was) !== "ringing")) {
      if (page.asked === room.room) page.asked = null;
      say(t("duty.rings", { name: room.name }), true);
    }
    if (room.taken && !room.taken.yours && !was?.taken && page.asked !== room.room) say(t("duty.taken.of", { by: room.taken.by, name: room.name }));
  }
}

function queue({ now, rooms }) {
  page.skew = Date.parse(now) - Date.now();
  tell(page.rooms, rooms);
  page.rooms = rooms;
  draw();
}

async function take(room) {
  if (page.busy !== null) return;
  const name = page.rooms.find((one) => one.room === room)?.name ?? "";
  page.busy = page.asked = room; // who has it then is told by the answer
  draw();
  try {
    const taken = await page.channel.take(room);
    if (taken.link) return enter(taken.link, name);
    notice(t("duty.lost", { by: taken.by, name }), { kind: "calm" });
  } catch ({ code }) {
    page.asked = null;
    notice(t(code === "wrong_state" || code === "unknown_room" ? "duty.gone" : "duty.failed", { name }), { kind: "problem" });
  }
  page.busy = null;
  draw();
  byId("duty-title").focus();
  return undefined;
}

function enter(link, name) {
  notice(t("duty.opening", { name }), { lasting: true });
  keepDuty();
  ring.release();
  location.assign(link);
}

function begin(who) {
  const again = page.down;
  Object.assign(page, { who, down: false });
  draw();
  show("duty");
  if (again) say(t("duty.up"));
}

function down() {
  page.down = true;
  draw();
  if (page.screen === "duty") say(t("duty.down"), true);
}

function over(code) {
  Object.assign(page, { off: code, who: null, rooms: [], busy: null, down: false });
  page.channel?.close();
  ring.release();
  clearNotice();
  draw();
  show("off");
  if (code !== "left") say(tCode("off", code, "other"), true);
}

function goOnDuty() {
  const socket = new URL("/api/v1/ws", location.href);
  socket.protocol = socket.protocol.replace("http", "ws");
  page.channel?.close(); // of another press
  page.channel = new DutyChannel(socket);
  for (const [name, heed] of [["on_duty", begin], ["queue", queue], ["down", down], ["over", ({ code }) => over(code)]]) {
    page.channel.addEventListener(name, ({ detail }) => heed(detail));
  }
  ring.prepare();
  page.channel.open();
}

async function logIn() {
  page.logins = await fetch(LOGINS).then((response) => response.json());
  draw();
  show(page.logins.assurance === "none" ? "login" : "start");
}

function silence() {
  for (const { room } of ringing()) page.silenced.add(room);
  draw();
  byId("duty-title").focus();
}

function wire() {
  languageButtons(byId("languages"));
  byId("go-on-duty").addEventListener("click", goOnDuty);
  byId("go-off-duty").addEventListener("click", () => over("left"));
  byId("off-again").addEventListener("click", logIn);
  byId("silence").addEventListener("click", silence);
  byId("sound-on").addEventListener("click", () => ring.prepare());
  byId("log-out").addEventListener("click", async () => {
    await fetch(LOGINS, { method: "DELETE" });
    await logIn();
  });
  window.addEventListener("online", () => page.channel?.hurry());
  document.addEventListener("visibilitychange", () => { if (!document.hidden) page.channel?.hurry(); });
  // The browser shows this page again as it was when somebody goes back to it: its line is not.
  window.addEventListener("pageshow", ({ persisted }) => { if (persisted) location.reload(); });
  setInterval(draw, LOOK_MS);
  onLanguage(draw);
}

async function start() {
  await startLanguage();
  wire();
  const failed = new URLSearchParams(location.search).get("login");
  if (failed) {
    history.replaceState(null, "", location.pathname);
    notice(tCode("login", failed, "login_failed"), { lasting: true, kind: "problem" });
  }
  await logIn();
}

start().catch((error) => {
  console.error(error);
  notice(document.documentElement.lang === "en" ? "The page could not start. Please reload it." : "Siden kunne ikke starte. Last den på nytt.", { lasting: true, kind: "problem" });
});
