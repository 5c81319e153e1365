// The operators' page: who looks, and a new picture every two seconds while somebody does.

import { byId, setText } from "/static/js/dom.js";
import { languageButtons, onLanguage, startLanguage, t, tCode } from "/static/js/i18n.js";
import { drawHour } from "./curves.js";
import { drawDrain, wireDrain } from "./drain.js";
import { drawLoad, drawLost, drawSummary, drawVerdicts } from "./summary.js";
import { drawConverters, drawGateways, drawHappened, drawLetters, drawRooms, drawWorst } from "./tables.js";
import { schemeButtons } from "./theme.js";

const EVERY_MS = 2000;
const LONGEST_MS = 10_000;
const OLD_MS = 7000;

const page = { picture: null, seenAt: 0, open: null, legs: null, failures: 0, timer: 0, looking: false };

/** Ask; gives the body, or throws an error with the answer's code. */
async function ask(path, method = "GET", body = undefined) {
  const options = { method, ...(body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json" } }) };
  const answer = await fetch(path, options);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  const { code } = await answer.json().catch(() => ({ code: "internal" }));
  throw Object.assign(new Error(code), { code });
}

function show(login) {
  byId("login").hidden = !login;
  byId("station").hidden = login;
  byId("log-out").hidden = login;
  byId("main").removeAttribute("aria-busy");
}

/** The page without a session; `code` says why, where there was one or should have been. */
async function askWho(code = null) {
  clearTimeout(page.timer);
  Object.assign(page, { picture: null, open: null, legs: null });
  const { login } = await ask("/session");
  byId("login-provider").hidden = login === null;
  page.login = login;
  drawLogin(code);
  show(true);
  document.title = t("app.name");
  if (code) byId("login-title").focus();
}

function drawLogin(code) {
  setText(byId("login-provider"), page.login ? t("login.with", { title: page.login }) : "");
  const problem = byId("login-problem");
  problem.hidden = code === null;
  setText(problem, code === null ? "" : tCode("failed", code, "other"));
}

function draw() {
  if (!page.picture) return;
  if (Date.now() - page.seenAt > OLD_MS) drawLost(page.picture);
  else drawSummary(page.picture);
  for (const part of [drawDrain, drawLoad, drawVerdicts, drawHour, drawWorst, drawGateways, drawConverters, drawLetters, drawHappened]) part(page.picture);
  drawRooms(page.picture, { open: page.open, legs: page.legs, toggle });
}

/** Fetch the picture, and the connections of the room that is open. */
async function look() {
  if (page.looking) return;
  page.looking = true;
  try {
    page.picture = await ask("/picture");
    page.seenAt = Date.now();
    page.failures = 0;
    if (page.open) await lookInto(page.open);
    show(false);
  } catch (error) {
    page.failures += 1;
    if (error.code === "unauthorized") {
      await askWho("session_ended");
      return;
    }
    if (!page.picture) drawLost(null);
  } finally {
    page.looking = false;
  }
  draw();
  again();
}

function again() {
  clearTimeout(page.timer);
  if (!document.hidden) page.timer = setTimeout(look, Math.min(EVERY_MS * 2 ** page.failures, LONGEST_MS));
}

async function lookInto(room) {
  try {
    ({ legs: page.legs } = await ask(`/rooms/${room}`));
  } catch (error) {
    if (error.code !== "unknown_room") throw error;
    Object.assign(page, { open: null, legs: null }); // it has ended meanwhile
  }
}

async function toggle(room) {
  Object.assign(page, { open: page.open === room ? null : room, legs: null });
  if (page.open) await lookInto(room).catch(() => {}); // the next look says what is wrong
  draw();
}

async function logIn(event) {
  event.preventDefault();
  const token = byId("login-token");
  try {
    await ask("/session", "POST", { token: token.value.trim() });
    token.value = "";
    drawLogin(null);
    await look();
    byId("summary-title").focus();
  } catch (error) {
    drawLogin(error.code === "unauthorized" ? "token_wrong" : error.code);
    token.focus();
  }
}

async function logOut() {
  await ask("/session", "DELETE").catch(() => {});
  await askWho();
  byId("login-title").focus();
}

async function start() {
  await startLanguage("/operator/i18n");
  languageButtons(byId("languages"));
  schemeButtons(byId("schemes"));
  onLanguage(draw);
  onLanguage(() => drawLogin(null));
  byId("login-form").addEventListener("submit", logIn);
  byId("log-out").addEventListener("click", logOut);
  wireDrain(async (method, body) => {
    await ask("/drain", method, body);
    await look();
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(page.timer) : look()));
  const failed = new URLSearchParams(location.search).get("login");
  if (failed) history.replaceState(null, "", location.pathname);
  const { known } = await ask("/session");
  if (known) await look();
  else await askWho(failed);
}

setInterval(() => { if (Date.now() - page.seenAt > OLD_MS) draw(); }, EVERY_MS);
await start();
