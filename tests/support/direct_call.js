// Two pages in a call with nobody between them, for benches: what a browser does by itself over the same link.
// Inject after call_meter.js. The page is looked into as one of the bridge's: `brotjeneste.state()` has the same fields.
"use strict";
(() => {
  if (!window.__meter || window.__direct) return;
  const WHO = "patient";
  const VIDEO = { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 25 } };
  const pc = new RTCPeerConnection();
  const layout = [];

  // A description with all its paths, which are few here: there is no other way between the pages while they find one.
  const described = async (description) => {
    await pc.setLocalDescription(description);
    while (pc.iceGatheringState !== "complete") {
      await new Promise((done) => pc.addEventListener("icegatheringstatechange", done, { once: true }));
    }
    return pc.localDescription.sdp;
  };

  const offer = async (maxBitrate) => {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true, video: VIDEO });
    const [mic, camera] = [...stream.getAudioTracks(), ...stream.getVideoTracks()];
    pc.addTransceiver(mic, { direction: "sendonly", streams: [stream] });
    pc.addTransceiver(camera, { direction: "sendonly", streams: [stream], sendEncodings: [{ maxBitrate }] });
    return described(await pc.createOffer());
  };

  const answer = async (sdp) => {
    pc.addEventListener("track", ({ transceiver, streams, track }) => {
      layout.push({ participant: WHO, source: track.kind === "audio" ? "mic" : "camera", mid: transceiver.mid });
      document.querySelector("video").srcObject = streams[0];
    });
    await pc.setRemoteDescription({ type: "offer", sdp });
    return described(await pc.createAnswer());
  };

  const take = (sdp) => pc.setRemoteDescription({ type: "answer", sdp });

  window.brotjeneste = Object.freeze({ state: () => ({ pc, layout, participant: WHO }) });
  window.__direct = Object.freeze({ offer, answer, take });
})();
