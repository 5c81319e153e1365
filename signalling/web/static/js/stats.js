// Words for the quality of a link and the cells of its table, from the bridge's figures.

// Loss after repair and frozen time in percent, jitter and round trip in ms: at most these for each word.
const GOOD = { loss: 1, frozen: 2, jitter: 25, rtt: 300 };
const FAIR = { loss: 5, frozen: 10, jitter: 100, rtt: 500 };
const FAULTS = new Set(["uplink", "downlink", "bridge", "client_cpu"]);

function within(limit, { up, down, rtt_ms: rtt, frozen_percent: frozen }) {
  return [up, down].every((flow) => flow.loss_after_percent <= limit.loss && flow.jitter_ms <= limit.jitter)
    && (rtt ?? 0) <= limit.rtt && (frozen ?? 0) <= limit.frozen;
}

/** What is to blame, as the bridge says; null where nothing is. */
export const fault = (figures) => (FAULTS.has(figures?.verdict) ? figures.verdict : null);

/** good, fair, poor, or unknown without figures. Where something is to blame, it is not good. */
export function quality(figures) {
  if (!figures) return "unknown";
  if (within(GOOD, figures) && !fault(figures)) return "good";
  return within(FAIR, figures) ? "fair" : "poor";
}

const ONE_DECIMAL = { maximumFractionDigits: 1 };
const WHOLE = { maximumFractionDigits: 0 };
const FORMS = { loss: ONE_DECIMAL, after: ONE_DECIMAL, burst: ONE_DECIMAL, jitter: WHOLE, rate: WHOLE, frames: WHOLE, mos: ONE_DECIMAL };

/** The rows of the table that have a cell for sound and picture each way, and those with one cell. */
export const FIGURES = Object.keys(FORMS);
export const WHOLE_FIGURES = ["rtt", "frozen", "concealed"];
export const COLUMNS = [["up", "sound"], ["up", "picture"], ["down", "sound"], ["down", "picture"]];

const most = (streams, name) => {
  const known = streams.map((stream) => stream[name]).filter((value) => value !== null && value !== undefined);
  return known.length > 0 ? Math.max(...known) : null;
};

/** One column: of several streams, as camera and shared screen, the worse, and their rates together. */
function column(flow, ofSound) {
  const streams = (flow?.streams ?? []).filter(({ source }) => (source === "mic") === ofSound);
  return {
    loss: most(streams, "loss_percent"),
    after: most(streams, "loss_after_percent"),
    burst: most(streams, "burst_packets"),
    jitter: most(streams, "jitter_ms"),
    rate: streams.length > 0 ? streams.reduce((sum, stream) => sum + stream.bitrate_kbps, 0) : null,
    frames: most(streams, "frames_per_second"),
    mos: most(streams, "mos"),
  };
}

const shown = (language) => (value, options) =>
  value === null || value === undefined ? "–" : new Intl.NumberFormat(language, options).format(value);

/** What a test of the way to the bridge has found, formatted for `language`: each way, and the round trip. */
export function testFigures({ up, down, rtt_ms: rtt }, language) {
  const format = shown(language);
  const way = (flow) => ({
    loss: format(flow.loss_percent, ONE_DECIMAL),
    jitter: format(flow.jitter_ms, WHOLE),
    rate: format(flow.bitrate_kbps, WHOLE),
  });
  return { up: way(up), down: way(down), rtt: format(rtt, WHOLE) };
}

/** The table's cells by `way.medium.figure` and by figure, formatted for `language`; a dash where nothing is known. */
export function cells(figures, language) {
  const format = shown(language);
  const found = {
    rtt: format(figures?.rtt_ms, WHOLE),
    frozen: format(figures?.frozen_percent, ONE_DECIMAL),
    concealed: format(figures?.concealed_percent, ONE_DECIMAL),
  };
  for (const [way, medium] of COLUMNS) {
    const values = column(figures?.[way], medium === "sound");
    for (const [name, options] of Object.entries(FORMS)) found[`${way}.${medium}.${name}`] = format(values[name], options);
  }
  return found;
}
