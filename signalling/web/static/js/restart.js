// A restart of ICE that the bridge need not hear of before its first check: the page applies the bridge's last answer
// again, with another name in it, since browsers take a new path for a new one by that.

const RANK = 1 << 16; // the bridge leaves room for 255 ranks between its paths and a browser's own (RFC 8445, 5.1.2.1)
const RANKS = 200; // then the newest of equals has to do
// Chromium takes the cheaper of two paths before the one of higher rank, and a mobile network is dear to it: it would
// stay for seconds with a Wi-Fi that is gone. So the first paths are given the highest price that there is.
const FIRST_COST = 999;

/** The bridge's answer for restart number `count` since it came; 0 for the answer itself. */
export function answerFor(sdp, count) {
  const raise = RANK * Math.min(count, RANKS);
  const cost = count === 0 ? ` network-cost ${FIRST_COST}` : "";
  return sdp
    .replace(/^(a=ice-ufrag:[^/\r\n]+).*$/gm, count === 0 ? "$1" : `$1/${count}`)
    .replace(/^(a=candidate:\S+ \d+ \S+ )(\d+)(.*)$/gm, (_, start, priority, rest) =>
      start + (Number(priority) + raise) + rest + cost);
}

/** The quickest round trip of any path in use, in ms; null while none is known. */
export function roundTrip(stats) {
  const trips = [...stats.values()].map(({ type, currentRoundTripTime: trip }) => (type === "candidate-pair" ? trip : undefined));
  const known = trips.filter((trip) => trip !== undefined);
  return known.length > 0 ? 1000 * Math.min(...known) : null;
}
