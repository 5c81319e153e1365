// The link's secret. It arrives in the fragment (which no server sees), leaves the address bar at once,
// and is kept for this tab only. The `resume` secret outlives the tab, filed under a hash of the link.

const TOKEN = "brotjeneste.token";
const ENTERED = "brotjeneste.entered";
const RESUME = "brotjeneste.resume.";
const NAMING = "brotjeneste.naming";
const DUTY = "brotjeneste.duty";
const RESUME_BYTES = 32;
const LOOKS_LIKE_TOKEN = /^[A-Za-z0-9_.-]{16,2048}$/;

/** Storage can be forbidden altogether (private windows, strict settings): then the page works until it is reloaded. */
function quietly(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** The token in a link's fragment, or null. Behind it a portal may have put something else (portal.js). */
export function tokenIn(fragment) {
  const [text] = fragment.replace(/^#/, "").split("&");
  return LOOKS_LIKE_TOKEN.test(text) ? text : null;
}

/** The link as it came, for another browser. */
export const linkOf = (token) => `${location.origin}/join#${token}`;

/** Take the token from the address bar, else the one of this tab. A fragment that is no token counts as `bad`. */
export function takeToken() {
  const fragment = location.hash;
  const token = tokenIn(fragment);
  if (fragment) history.replaceState(null, "", location.pathname);
  if (token) {
    const before = quietly(() => sessionStorage.getItem(TOKEN));
    if (before !== token) {
      forgetEntered();
      forgetNaming();
    }
    quietly(() => sessionStorage.setItem(TOKEN, token));
    return { token, bad: false };
  }
  return { token: fragment ? null : quietly(() => sessionStorage.getItem(TOKEN)), bad: fragment.length > 1 };
}

export async function resumeKey(token) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token));
  return RESUME + [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * A secret for a first visit. It is kept before it is sent, so that whoever loses the line before the bridge's first
 * word is still known by it.
 */
export function newResume() {
  const bytes = crypto.getRandomValues(new Uint8Array(RESUME_BYTES));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
}

export const readResume = (key) => quietly(() => localStorage.getItem(key));
export const keepResume = (key, secret) => quietly(() => localStorage.setItem(key, secret));
export const forgetResume = (key) => quietly(() => localStorage.removeItem(key));

/** For a link that is for many: the name under which this tab comes, {name}; null where the link is one person's. */
export const readNaming = () => quietly(() => JSON.parse(sessionStorage.getItem(NAMING)));
export const keepNaming = (naming) => quietly(() => sessionStorage.setItem(NAMING, JSON.stringify(naming)));
export const forgetNaming = () => quietly(() => sessionStorage.removeItem(NAMING));

/** What this tab needs in order to go straight back in after a reload: choices of mute, camera and devices. */
export const readEntered = () => quietly(() => JSON.parse(sessionStorage.getItem(ENTERED)));
export const keepEntered = (choices) => quietly(() => sessionStorage.setItem(ENTERED, JSON.stringify(choices)));
export const forgetEntered = () => quietly(() => sessionStorage.removeItem(ENTERED));

/** That this tab came into its visit from the page of those on duty, and may go back there. */
export const keepDuty = () => quietly(() => sessionStorage.setItem(DUTY, "on"));
export const cameFromDuty = () => quietly(() => sessionStorage.getItem(DUTY)) === "on";

export const readPreference = (name) => quietly(() => localStorage.getItem(`brotjeneste.${name}`));
export const keepPreference = (name, value) => quietly(() => localStorage.setItem(`brotjeneste.${name}`, value));
