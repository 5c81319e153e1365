// Coming from where one is logged in already: a portal says who it is (a launch), or a provider knows it still.

const LOOKS_LIKE_LAUNCH = /^[A-Za-z0-9_.-]{16,2500}$/;
const LOOKS_LIKE_RESUME = /^[0-9a-f]{64}$/;
const LOOKS_LIKE_NAME = /^[a-z][a-z0-9-]{0,23}$/;

/**
 * Take out of the address what a portal has put there beside the link: `&launch=JWT` behind it, `?by=PROVIDER` before; and
 * what the bridge has after a launch from a record system: `&resume=SECRET`, by which the link is theirs in any browser.
 */
export function takeComing() {
  const [link, ...rest] = location.hash.split("&");
  const beside = new URLSearchParams(rest.join("&"));
  const given = beside.get("launch") ?? "";
  const resume = beside.get("resume") ?? "";
  const query = new URLSearchParams(location.search);
  const named = query.get("by") ?? "";
  query.delete("by");
  const search = query.size ? `?${query}` : "";
  if (rest.length || named) history.replaceState(null, "", location.pathname + search + link);
  return {
    launch: LOOKS_LIKE_LAUNCH.test(given) ? given : null,
    resume: LOOKS_LIKE_RESUME.test(resume) ? resume : null,
    by: LOOKS_LIKE_NAME.test(named) ? named : null,
  };
}

/** Bring a launch to the bridge; why it came to nothing, or null. It counts once, so nothing is tried again. */
export async function bringLaunch(address, launch) {
  try {
    const response = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ launch }),
    });
    return response.ok ? null : (await response.json()).code;
  } catch {
    return "login_failed";
  }
}
