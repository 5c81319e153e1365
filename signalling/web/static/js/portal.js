// Coming from where one is logged in already: a portal says who it is (a launch), or a provider knows it still.

const LOOKS_LIKE_LAUNCH = /^[A-Za-z0-9_.-]{16,2500}$/;
const LOOKS_LIKE_NAME = /^[a-z][a-z0-9-]{0,23}$/;

/** Take out of the address what a portal has put there beside the link: `&launch=JWT` behind it, `?by=PROVIDER` before. */
export function takeComing() {
  const [link, ...rest] = location.hash.split("&");
  const given = new URLSearchParams(rest.join("&")).get("launch") ?? "";
  const query = new URLSearchParams(location.search);
  const named = query.get("by") ?? "";
  query.delete("by");
  const search = query.size ? `?${query}` : "";
  if (rest.length || named) history.replaceState(null, "", location.pathname + search + link);
  return {
    launch: LOOKS_LIKE_LAUNCH.test(given) ? given : null,
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
