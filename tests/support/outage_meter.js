// Notes when pictures are shown and sounds are played, when the browser finds an address to send from, and whether
// anybody seems gone, for tests of outages.
// Times are of the machine's clock, in ms: those of two pages can be compared.
"use strict";
(() => {
  if (window.__outage) return;
  const LOOK_MS = 10;
  const every = window.setInterval.bind(window);
  const clock = () => performance.timeOrigin + performance.now();

  let heeded = null;
  const heed = (pc, noted) => {
    if (pc === heeded) return;
    heeded = pc;
    pc?.addEventListener("icecandidate", ({ candidate }) => {
      if (candidate?.protocol === "udp") noted.addresses.push([clock(), candidate.address]);
    });
  };

  // Of one other person: the tile stays the same element whatever becomes of the connection, the receiver does not.
  const watch = (participant) => {
    const noted = { pictures: [], sounds: [], addresses: [], gone: 0 };
    const video = document.querySelector(`#stage .tile[data-participant="${participant}"] video`);
    const shown = () => {
      noted.pictures.push(clock());
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
    let last = null;
    every(() => {
      const { pc, layout, roster } = window.brotjeneste.state();
      heed(pc, noted);
      const slot = layout.find((one) => one.participant === participant && one.source === "mic");
      const receiver = pc?.getTransceivers().find((one) => one.mid === slot?.mid)?.receiver;
      const played = receiver?.getSynchronizationSources()[0]?.timestamp ?? null;
      if (played !== null && played !== last) noted.sounds.push(clock());
      last = played;
      const there = roster?.people.find((one) => one.participant === participant)?.connected;
      if (!there) noted.gone += 1;
    }, LOOK_MS);
    window.__outage.noted = noted;
  };

  // How much later than the sound that is played the picture was made that is shown, in ms, as the browser thinks by
  // the reports of both: it holds one back for the other.
  const apart = async () => {
    const stats = [...(await window.brotjeneste.state().pc.getStats()).values()];
    const made = (kind) => stats.find((one) => one.type === "inbound-rtp" && one.kind === kind
      && one.packetsReceived > 0)?.estimatedPlayoutTimestamp;
    const apart = made("video") - made("audio");
    return Number.isFinite(apart) ? apart : null;
  };

  window.__outage = { watch, clock, apart, noted: null };
})();
