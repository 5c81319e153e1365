// Logging in before one enters: by whom that can be done here, and what is proven in this browser already.

import { notice } from "./announce.js";
import { byId, el, setText } from "./dom.js";
import { language, onLanguage, t, tCode } from "./i18n.js";
import { bringLaunch } from "./portal.js";

const LOGINS = "/api/v1/logins";
let offered = { providers: [], assurance: "none" };

/** Why a login did not come about, once: the address is cleaned. */
function takeFailure() {
  const code = new URLSearchParams(location.search).get("login");
  if (code === null) return null;
  history.replaceState(null, "", location.pathname + location.hash);
  return code;
}

async function refresh() {
  try {
    const response = await fetch(LOGINS, { headers: { Accept: "application/json" } });
    if (response.ok) offered = await response.json();
  } catch {
    // Without an answer there is nothing to offer, and the link works as it is.
  }
  draw();
}

const forget = () => fetch(LOGINS, { method: "DELETE" }).catch(() => null);

async function logOut() {
  await forget();
  await refresh();
}

/** Log out at the end of a visit: the next person at this device is somebody else. */
export function forgetLogin() {
  if (offered.assurance !== "none") forget();
}

function draw() {
  const box = byId("start-login");
  const { providers, assurance } = offered;
  const known = assurance !== "none";
  const signature = [language(), assurance, ...providers.map(({ name }) => name)].join(" ");
  box.hidden = providers.length === 0;
  if (box.dataset.signature === signature) return;
  box.dataset.signature = signature;
  setText(byId("start-login-text"), known ? t(`login.as.${assurance}`) : t("login.lead"));
  const out = () => el("button", { type: "button", className: "button quiet", id: "log-out", textContent: t("login.out"), onclick: logOut });
  const ways = () => providers.map(({ name, title }) =>
    el("a", { className: "button", href: `/login/${name}`, data: { provider: name }, textContent: t("login.by", { title }) }));
  byId("start-login-ways").replaceChildren(...(known ? [out()] : ways()));
}

function tell(failure) {
  if (failure !== null) notice(tCode("login", failure, "login_failed"), { lasting: true, kind: "problem" });
}

/**
 * Offer logins on the start screen, and say it when the last one failed. Who comes from a portal is logged in as it says;
 * where it says by whom one is logged in, that provider is asked, quietly first.
 */
export async function startLogins({ launch, by }) {
  tell(takeFailure());
  onLanguage(draw);
  if (launch) tell(await bringLaunch(LOGINS, launch));
  await refresh();
  const known = offered.assurance !== "none" || !offered.providers.some(({ name }) => name === by);
  if (!known) location.assign(`/login/${by}?quiet`);
}
