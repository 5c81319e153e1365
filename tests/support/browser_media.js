// Gives a page a camera and a microphone whose picture and tone say who sends them, and reads those of others.
// For tests: inject before the page's own scripts, after setting window.__identity (0 to 63).
//
// The code in the picture and the frequencies are those of transcode/pictures.py and transcode/tones.py.
// Knobs, all optional: __contentIdentity (getDisplayMedia; identity with its top bit flipped when not set),
// __pictureSize ({width, height}, 320 x 240), __pictureRate (15 a second), __backIdentity (there is a second camera, on the
// back, which shows this one), __ownDevices (true: the browser's devices are left as they are, and only the reading is here).
"use strict";
(() => {
  if (!navigator.mediaDevices || window.__checks) return; // not a secure context, or injected twice

  const COLUMNS = 12;
  const CODE_LEFT = 0.04;
  const CODE_WIDTH = 0.92;
  const CODE_TOP = 0.72;
  const CELL_HEIGHT = 0.12;
  const MARKERS = [
    [[0, 1], [1, 0], [10, 0], [11, 1]],
    [[0, 0], [1, 1], [10, 1], [11, 0]],
  ];
  const CONTRAST_MIN = 60;
  const DOUBT = 0.2;
  const POLL_MS = 60;
  const LOWEST_HZ = 300;
  const STEP_HZ = 50;
  const SAMPLE_RATE = 48000;

  // Timers of the page itself, before any test or page replaces them.
  const every = window.setInterval.bind(window);
  const stopEvery = window.clearInterval.bind(window);
  const now = performance.now.bind(performance);

  const parity = (value) => {
    let bit = 1;
    for (let rest = value; rest; rest >>= 1) bit ^= rest & 1;
    return bit;
  };

  const cellBox = (row, column, width, height) => {
    const top = Math.round(height * (CODE_TOP + row * CELL_HEIGHT));
    const bottom = Math.round(height * (CODE_TOP + (row + 1) * CELL_HEIGHT));
    const left = Math.round(width * (CODE_LEFT + (column * CODE_WIDTH) / COLUMNS));
    const right = Math.round(width * (CODE_LEFT + ((column + 1) * CODE_WIDTH) / COLUMNS));
    return [left, top, right - left, bottom - top];
  };

  const cells = (identity, counter) => {
    const rows = [
      (identity << 2) | (parity(identity) << 1) | (counter >> 7),
      ((counter & 0x7f) << 1) | parity(counter),
    ];
    return rows.flatMap((byte, row) => [
      ...MARKERS[row].map(([column, bit]) => [row, column, bit]),
      ...Array.from({ length: 8 }, (_, place) => [row, 2 + place, (byte >> (7 - place)) & 1]),
    ]);
  };

  const draw = (context, identity, index) => {
    const { width, height } = context.canvas;
    const hue = ((identity * 0.618034) % 1) * 360;
    const gradient = context.createLinearGradient(0, 0, 0, height);
    gradient.addColorStop(0, `hsl(${hue} 75% 60%)`);
    gradient.addColorStop(1, `hsl(${hue} 75% 28%)`);
    context.fillStyle = gradient;
    context.fillRect(0, 0, width, height);
    context.fillStyle = `hsl(${hue + 180} 40% 35%)`;
    context.beginPath();
    context.ellipse(width / 2, height * 0.74, height * 0.3, height * 0.27, 0, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = `hsl(${hue + 180} 35% 60%)`;
    context.beginPath();
    context.ellipse(width / 2, height * 0.28, height * 0.13, height * 0.16, 0, 0, 2 * Math.PI);
    context.fill();
    context.fillStyle = "rgb(255 255 255 / 45%)";
    context.fillRect(((index % 64) / 64) * width * 0.94, 0, width * 0.06, height * 0.68);
    context.fillStyle = "white";
    context.font = `bold ${Math.round(height / 8)}px monospace`;
    context.fillText(String(identity), height / 20, height / 6);
    for (const [row, column, bit] of cells(identity, index % 256)) {
      context.fillStyle = bit ? "rgb(245 245 245)" : "rgb(10 10 10)";
      context.fillRect(...cellBox(row, column, width, height));
    }
  };

  // One canvas for each identity, drawn by a timer: animation frames stop in hidden pages.
  const canvases = new Map();
  const pictureOf = (identity) => {
    const known = canvases.get(identity);
    if (known) return known;
    const { width, height } = window.__pictureSize ?? { width: 320, height: 240 };
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d", { alpha: false });
    let index = 0;
    draw(context, identity, index);
    every(() => draw(context, identity, (index += 1)), 1000 / (window.__pictureRate ?? 15));
    canvases.set(identity, canvas);
    return canvas;
  };

  let audioContext = null;
  const audio = () => {
    audioContext ??= new AudioContext({ sampleRate: SAMPLE_RATE });
    if (audioContext.state === "suspended") audioContext.resume();
    return audioContext;
  };

  const toneOf = (identity) => {
    const context = audio();
    const oscillator = new OscillatorNode(context, { frequency: LOWEST_HZ + STEP_HZ * identity });
    const gain = new GainNode(context, { gain: 0.25 });
    const destination = new MediaStreamAudioDestinationNode(context, { channelCount: 1 });
    oscillator.connect(gain).connect(destination);
    oscillator.start();
    return destination.stream.getAudioTracks()[0];
  };

  const identityNow = () => window.__identity ?? 0;
  const pictureTrack = (identity) =>
    pictureOf(identity).captureStream(window.__pictureRate ?? 15).getVideoTracks()[0];

  const cameraOf = ({ facingMode }) =>
    (facingMode?.exact ?? facingMode) === "environment" ? (window.__backIdentity ?? identityNow()) : identityNow();

  const giveDevices = () => {
    navigator.mediaDevices.getUserMedia = async (constraints = {}) => {
      if (!constraints.audio && !constraints.video) throw new TypeError("audio or video is needed");
      const tracks = [];
      if (constraints.audio) tracks.push(toneOf(identityNow()));
      if (constraints.video) tracks.push(pictureTrack(cameraOf(constraints.video)));
      return new MediaStream(tracks);
    };

    navigator.mediaDevices.getDisplayMedia = async () =>
      new MediaStream([pictureTrack(window.__contentIdentity ?? identityNow() ^ 32)]);

    const device = (kind, label, which = "") => {
      const plain = { deviceId: `test-${kind}${which}`, groupId: "test", kind, label };
      return { ...plain, toJSON: () => plain };
    };
    navigator.mediaDevices.enumerateDevices = async () => [
      device("audioinput", "Test microphone"),
      device("videoinput", "Test camera"),
      ...("__backIdentity" in window ? [device("videoinput", "Test camera on the back", "-back")] : []),
      device("audiooutput", "Test loudspeaker"),
    ];
  };
  if (!window.__ownDevices) giveDevices();

  // --- reading ---

  const level = (pixels, width, height, row, column) => {
    const [left, top, w, h] = cellBox(row, column, width, height);
    const [x, y] = [Math.floor(w / 4), Math.floor(h / 4)];
    let sum = 0;
    for (let line = top + y; line < top + h - y; line += 1) {
      for (let dot = left + x; dot < left + w - x; dot += 1) {
        const at = 4 * (line * width + dot);
        sum += 0.299 * pixels[at] + 0.587 * pixels[at + 1] + 0.114 * pixels[at + 2];
      }
    }
    return sum / ((w - 2 * x) * (h - 2 * y));
  };

  const parse = ({ data, width, height }) => {
    const levels = [0, 1].map((row) =>
      Array.from({ length: COLUMNS }, (_, column) => level(data, width, height, row, column)),
    );
    const markers = (wanted) =>
      [0, 1].flatMap((row) =>
        MARKERS[row].filter(([, bit]) => bit === wanted).map(([column]) => levels[row][column]),
      );
    const white = Math.min(...markers(1));
    const black = Math.max(...markers(0));
    if (white - black < CONTRAST_MIN) return null;
    const middle = (white + black) / 2;
    if (levels.flat().some((value) => Math.abs(value - middle) < DOUBT * (white - black))) return null;
    const [upper, lower] = levels.map((row) =>
      row.slice(2, 10).reduce((byte, value) => (byte << 1) | (value > middle ? 1 : 0), 0),
    );
    const identity = upper >> 2;
    const counter = ((upper & 1) << 7) | (lower >> 1);
    if (((upper >> 1) & 1) !== parity(identity) || (lower & 1) !== parity(counter)) return null;
    return { identity, counter };
  };

  // Asks `attempt` again and again until it gives something, or the time is over: then null.
  const poll = (attempt, timeoutMs) =>
    new Promise((resolve, reject) => {
      const end = now() + timeoutMs;
      const timer = every(() => {
        let found = null;
        try {
          found = attempt();
        } catch (error) {
          stopEvery(timer);
          reject(error);
          return;
        }
        if (found === null && now() < end) return;
        stopEvery(timer);
        resolve(found);
      }, POLL_MS);
    });

  const elementFor = (tag, track) => {
    const element = document.createElement(tag);
    element.muted = true;
    element.playsInline = true;
    element.srcObject = new MediaStream([track]);
    // Refused only when the element is thrown away before it starts, and then nobody waits for it.
    element.play().catch(() => {});
    return element;
  };

  const grab = (video, context, most = 640) => {
    if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA || !video.videoWidth) return null;
    const scale = Math.min(1, most / video.videoWidth);
    const width = Math.round(video.videoWidth * scale);
    const height = Math.round(video.videoHeight * scale);
    if (width < COLUMNS * 4 || height < COLUMNS * 2) return null;
    Object.assign(context.canvas, { width, height });
    context.drawImage(video, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  };

  // {identity, counter} of what a <video> shows now, or null. At most `most` pixels wide are looked at.
  const look = (video, context, most) => {
    const image = grab(video, context, most);
    return image && parse(image);
  };

  // Resolves to {identity, counter} when `distinct` pictures of one sender with different counters were read from
  // the video track or <video> element (2: it moves), or to null after timeoutMs.
  const readVideo = async (source, { timeoutMs = 5000, distinct = 1 } = {}) => {
    const video = source instanceof MediaStreamTrack ? elementFor("video", source) : source;
    const context = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    let sender = null;
    let seen = new Set();
    try {
      return await poll(() => {
        const reading = look(video, context);
        if (!reading) return null;
        if (reading.identity !== sender) [sender, seen] = [reading.identity, new Set()];
        seen.add(reading.counter);
        return seen.size >= distinct ? reading : null;
      }, timeoutMs);
    } finally {
      if (video !== source) video.srcObject = null;
    }
  };

  // Frequency in Hz of the strongest line in a spectrum in dB, or null where nothing stands out.
  const peakOf = (spectrum, rate, size) => {
    let peak = 2;
    for (let bin = 3; bin < spectrum.length - 1; bin += 1) if (spectrum[bin] > spectrum[peak]) peak = bin;
    const median = Float32Array.from(spectrum).sort()[spectrum.length >> 1];
    if (!(spectrum[peak] > -70) || spectrum[peak] - median < 20) return null;
    const [before, at, after] = spectrum.subarray(peak - 1, peak + 2);
    const bend = before - 2 * at + after;
    const offset = Number.isFinite(bend) && bend !== 0 ? (before - after) / (2 * bend) : 0;
    return ((peak + offset) * rate) / size;
  };

  // Resolves to the dominant frequency of an audio track in Hz when three looks in a row agree on it, or to null
  // after timeoutMs. Chromium gives a remote track's sound to Web Audio only while an element plays it, too.
  const readTone = async (track, { timeoutMs = 5000 } = {}) => {
    const element = elementFor("audio", track);
    const context = audio();
    const source = new MediaStreamAudioSourceNode(context, { mediaStream: new MediaStream([track]) });
    const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
    source.connect(analyser);
    const spectrum = new Float32Array(analyser.frequencyBinCount);
    let [last, agreed] = [null, 0];
    try {
      return await poll(() => {
        analyser.getFloatFrequencyData(spectrum);
        const hz = peakOf(spectrum, context.sampleRate, analyser.fftSize);
        agreed = hz !== null && last !== null && Math.abs(hz - last) < 10 ? agreed + 1 : 0;
        last = hz;
        return agreed >= 2 ? hz : null;
      }, timeoutMs);
    } finally {
      source.disconnect();
      element.srcObject = null;
    }
  };

  window.__checks = Object.freeze({ look, readVideo, readTone });
})();
