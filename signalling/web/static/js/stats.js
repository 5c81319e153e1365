// Words for the quality of a link, from the bridge's figures.

// Loss in percent, jitter and round trip in ms: at most these for each word.
const GOOD = { loss: 1, jitter: 30, rtt: 300 };
const FAIR = { loss: 5, jitter: 100, rtt: 500 };

function within(limit, { up, down, rtt_ms: rtt }) {
  return [up, down].every((flow) => flow.loss_percent <= limit.loss && flow.jitter_ms <= limit.jitter)
    && (rtt === null || rtt === undefined || rtt <= limit.rtt);
}

/** good, fair, poor, or unknown without figures. */
export function quality(figures) {
  if (!figures) return "unknown";
  if (within(GOOD, figures)) return "good";
  return within(FAIR, figures) ? "fair" : "poor";
}

const ONE_DECIMAL = { maximumFractionDigits: 1 };
const WHOLE = { maximumFractionDigits: 0 };

/** The table's cells by row and column, formatted for `language`; a dash where nothing is known. */
export function cells(figures, language) {
  const format = (value, options) =>
    value === null || value === undefined ? "–" : new Intl.NumberFormat(language, options).format(value);
  const column = (flow) => ({
    loss: format(flow?.loss_percent, ONE_DECIMAL),
    jitter: format(flow?.jitter_ms, WHOLE),
    rate: format(flow?.bitrate_kbps, WHOLE),
  });
  return { up: column(figures?.up), down: column(figures?.down), rtt: format(figures?.rtt_ms, WHOLE) };
}
