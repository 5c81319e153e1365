// The page's beginning: language, link, devices, and from there into the visit or to an ending.

import { wireAlerts } from "./alert.js";
import { clearNotice, notice, speakInDialogs } from "./announce.js";
import { Call } from "./call.js";
import { offerWays, Shortcomings, whyNot } from "./cannot.js";
import { setShortcuts, shortcutsOn } from "./controls.js";
import { Devices } from "./devices.js";
import { wireCloseButtons } from "./dialogs.js";
import { byId } from "./dom.js";
import { drawEnding } from "./endings.js";
import { language, languageButtons, onLanguage, startLanguage, t } from "./i18n.js";
import { forgetLogin, startLogins } from "./login.js";
import { LocalMedia } from "./media.js";
import { Naming } from "./naming.js";
import { Notice } from "./notice.js";
import { takeComing } from "./portal.js";
import { OwnLevel } from "./preview.js";
import { SelfTest } from "./selftest.js";
import { Session } from "./session.js";
import { drawStart } from "./start.js";
import { forgetEntered, keepEntered, keepResume, readEntered, resumeKey, takeToken, tokenIn } from "./token.js";

// After these somebody chooses anew how they come in.
const ASKS_AGAIN = new Set(["left", "login_needed", "other_person"]);
const OVER = new Set(["left", "ended", "removed", "refused"]);
const SCREENS = ["loading", "start", "test", "waiting", "call", "end"];
const page = { screen: "loading", ending: null, session: null, asking: false, known: null, token: null, shortcomings: null };
const media = new LocalMedia();
const ownLevel = new OwnLevel();
const told = new Notice();
let naming = null;
let call = null;
const devices = new Devices(media, (deviceId) => call?.setSpeaker(deviceId));

/** Show one screen; a new one takes the focus to its heading. */
function show(screen, title) {
  document.title = title;
  if (page.screen === screen) return;
  page.screen = screen;
  document.body.dataset.screen = screen;
  for (const name of SCREENS) byId(`screen-${name}`).hidden = name !== screen;
  byId(`screen-${screen}`).querySelector("h1").focus({ preventScroll: false });
}

const selfTest = new SelfTest(media, { level: ownLevel, speaker: () => devices.speakerId, show, over: end });

function end(code) {
  page.ending = code;
  if (code === "name_needed") {
    forgetEntered();
    return naming.ask();
  }
  naming?.over(code, page.token);
  selfTest.stop();
  media.close();
  if (code !== "replaced") forgetEntered();
  // Doctors go from one visit to the next.
  if (OVER.has(code) && !page.session?.host) forgetLogin();
  drawEnding(code, page.session?.newTime);
  show("end", byId("end-title").textContent);
  return undefined;
}

function redrawStart() {
  drawStart(media, { ...page, retry: () => askDevices() });
}

async function askDevices() {
  page.asking = true;
  redrawStart();
  await media.acquire();
  page.asking = false;
  redrawStart();
  await devices.refresh();
}

/** What a reload of this tab needs in order to come straight back. */
function rememberVisit() {
  const { session } = page;
  const room = session?.welcome?.room_name ?? page.known?.room ?? null;
  keepEntered({ muted: media.muted, cameraOn: media.cameraOn, chosen: media.chosen, facing: media.facing, room });
}

function bridge() {
  const socket = new URL("/api/v1/ws", location.href);
  socket.protocol = socket.protocol.replace("http", "ws");
  return socket;
}

async function enter(token) {
  document.body.dataset.entered = "true";
  show("loading", t("app.name"));
  const session = new Session(bridge(), { token, resumeKey: await resumeKey(token), language, notice: () => told.accepted, name: () => naming.name }, media);
  page.session = session;
  told.follow(session);
  call = new Call(session, { token, devices, ownLevel, show, over: end });
  session.addEventListener("change", rememberVisit);
  media.addEventListener("change", rememberVisit);
  if (devices.speakerId) call.setSpeaker(devices.speakerId);
  rememberVisit();
  session.start();
}

/** `arrived` is when it is known who comes, where a portal says so: nobody goes in as a stranger for being quick. */
function wireStart(token, arrived) {
  byId("start-mic").addEventListener("click", () => media.setMuted(media.micLive));
  byId("start-camera").addEventListener("click", () => media.setCamera(!media.cameraComes));
  let entered = false;
  const go = () => {
    if (entered || !naming.answered()) return;
    entered = true;
    selfTest.stop();
    clearNotice();
    told.press();
    Promise.resolve(arrived).then(() => enter(token));
  };
  byId("enter").addEventListener("click", go);
  byId("test-enter").addEventListener("click", () => {
    if (naming.wanted && !naming.name) show("start", t("app.name"));
    go();
  });
  byId("start-test").addEventListener("click", () => selfTest.begin({ url: bridge(), token }));
  byId("test-stop").addEventListener("click", () => {
    selfTest.stop();
    show("start", t("app.name"));
    redrawStart();
  });
  media.addEventListener("change", redrawStart);
  media.addEventListener("change", () => devices.draw());
}

function wirePage() {
  languageButtons(byId("languages"));
  languageButtons(byId("settings-languages"));
  wireCloseButtons();
  wireAlerts();
  speakInDialogs();
  const shortcuts = byId("settings-shortcuts");
  shortcuts.checked = shortcutsOn();
  shortcuts.addEventListener("change", () => setShortcuts(shortcuts.checked));
  byId("end-again").addEventListener("click", () => {
    if (!ASKS_AGAIN.has(page.ending)) keepEntered({ muted: media.muted, cameraOn: media.cameraOn, chosen: media.chosen });
    location.reload();
  });
  window.addEventListener("hashchange", () => {
    if (tokenIn(location.hash)) location.reload(); // another link was opened in this tab
  });
  onLanguage(() => {
    if (page.screen === "end") drawEnding(page.ending, page.session?.newTime);
    if (page.screen === "start") redrawStart();
    if (page.screen === "test") selfTest.draw();
    if (page.screen === "start" || page.screen === "test") document.title = t("app.name");
    devices.draw();
  });
}

/** For tests and operators: a copy of what the page knows, and the connection itself. */
function state() {
  const { session } = page;
  const copy = (value) => Object.freeze(structuredClone(value ?? null));
  return Object.freeze({
    screen: page.screen,
    ending: page.ending,
    place: session?.place ?? null,
    host: session?.host ?? false,
    participant: session?.welcome?.participant ?? null,
    roster: copy(session?.roster),
    layout: copy(session?.layout ?? []),
    stats: copy(session?.stats ?? []),
    down: session?.down ?? false,
    pc: session?.peer.pc ?? null,
  });
}

async function start() {
  Object.defineProperty(window, "brotjeneste", { value: Object.freeze({ state }) });
  await startLanguage();
  wirePage();
  const coming = takeComing();
  const logins = startLogins(coming);
  const { token, bad } = takeToken();
  const reason = whyNot();
  if (reason) {
    end(reason);
    return offerWays(reason, token);
  }
  if (!token) return end(bad ? "link_invalid" : "link_missing");
  const before = readEntered();
  page.known = before;
  if (before) Object.assign(media, { muted: before.muted, cameraOn: before.cameraOn, chosen: before.chosen, facing: before.facing ?? "user" });
  if (coming.resume) keepResume(await resumeKey(token), coming.resume);
  page.token = token;
  naming = new Naming();
  naming.show();
  page.shortcomings = new Shortcomings(token);
  wireStart(token, coming.launch && logins);
  ownLevel.start(media);
  const notices = told.load();
  if (before) {
    await Promise.all([askDevices(), coming.launch && logins]);
    return enter(token);
  }
  show("start", t("app.name"));
  return Promise.all([logins, notices, askDevices()]);
}

start().catch((error) => {
  console.error(error);
  notice(document.documentElement.lang === "en" ? "The page could not start. Please reload it." : "Siden kunne ikke starte. Last den på nytt.", { lasting: true, kind: "problem" });
});
