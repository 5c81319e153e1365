// Notes every picture that a <video> shows, with the counter that it carries, for benches of calls.
// Inject after browser_media.js. Times are of the machine's clock, in ms: those of two pages can be compared.
"use strict";
(() => {
  if (!window.__checks || window.__meter) return;
  const CODE_PIXELS = 160;
  const KEPT = 20_000;
  const devices = navigator.mediaDevices;
  const ask = devices.getUserMedia.bind(devices);
  let camera = null;

  // The microphone of a room in which nobody speaks: 60 dB fainter.
  const faint = (track) => {
    const context = new AudioContext();
    const gain = new GainNode(context, { gain: 0.001 });
    const out = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) }).connect(gain).connect(out);
    return out.stream.getAudioTracks()[0];
  };

  // `__noCamera`: a page that only looks and listens. `__noVoice`: one in which nobody speaks. The track of the camera is
  // kept, for `watchOwn`.
  devices.getUserMedia = async (constraints = {}) => {
    if (window.__noCamera && constraints.video) throw new DOMException("no camera", "NotFoundError");
    const stream = await ask(constraints);
    camera = stream.getVideoTracks()[0] ?? camera;
    if (window.__noVoice) return new MediaStream([...stream.getVideoTracks(), ...stream.getAudioTracks().map(faint)]);
    return stream;
  };

  let rows = [];
  let left = 0;
  let stop = () => {};

  // Rows: [shown at, called at, pictures shown so far, width, height, counter or -1].
  const watch = (video) => {
    stop();
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    let on = true;
    const note = (now, seen) => {
      if (!on) return;
      const counter = window.__checks.look(video, context, CODE_PIXELS)?.counter ?? -1;
      const [shown, called] = [seen.expectedDisplayTime, now].map((time) => performance.timeOrigin + time);
      rows.push([shown, called, seen.presentedFrames, seen.width, seen.height, counter]);
      if (rows.length > KEPT) left += rows.splice(0, KEPT / 2).length;
      video.requestVideoFrameCallback(note);
    };
    video.requestVideoFrameCallback(note);
    stop = () => {
      on = false;
    };
  };

  const watchOwn = () => {
    const video = Object.assign(document.createElement("video"), { muted: true });
    video.srcObject = new MediaStream([camera]);
    video.play();
    watch(video);
    const end = stop;
    stop = () => {
      end();
      video.srcObject = null;
    };
  };

  const take = () => {
    const taken = { rows, left, at: performance.timeOrigin + performance.now() };
    rows = [];
    return taken;
  };

  // The numbers of the connection that measurements are made of.
  const stats = async () => {
    const wanted = new Set(["inbound-rtp", "outbound-rtp", "candidate-pair", "remote-inbound-rtp"]);
    const report = await window.brotjeneste.state().pc.getStats();
    const found = [...report.values()].filter(({ type }) => wanted.has(type));
    return { at: performance.timeOrigin + performance.now(), found };
  };

  window.__meter = Object.freeze({ watch, watchOwn, take, stats, end: () => stop() });
})();
