// The peaks of a recording (one byte each 10 ms and channel), drawn into the page's SVGs.

const PEAK_MS = 10;
const QUIETEST = 24; // a channel without speech is not blown up to look like it
const COLUMNS = 600;

export async function fetchPeaks(url) {
  const response = await fetch(url, { credentials: "same-origin" });
  if (!response.ok) throw new Error(await response.text());
  const bytes = new Uint8Array(await response.arrayBuffer());
  const half = bytes.length / 2;
  return { caller: bytes.subarray(0, half), assistant: bytes.subarray(half) };
}

// The place of a moment between knots [[ms, percent], ...], as call_page/waterfall.py has it.
export function place(knots, ms) {
  for (let n = 1; n < knots.length; n++) {
    const [start, left] = knots[n - 1];
    const [end, right] = knots[n];
    if (ms <= end) return left + ((right - left) * Math.max(0, ms - start)) / (end - start);
  }
  return 100;
}

// And the moment of a place.
export function moment(knots, percent) {
  for (let n = 1; n < knots.length; n++) {
    const [start, left] = knots[n - 1];
    const [end, right] = knots[n];
    if (percent <= right) return start + ((end - start) * Math.max(0, percent - left)) / (right - left);
  }
  return knots.at(-1)[0];
}

// Draw what lies between the knots, whose zero is at zeroMs of the recording.
export function draw(svg, peaks, knots, zeroMs) {
  const loudest = Math.max(QUIETEST, peaks.reduce((most, value) => Math.max(most, value), 0));
  let path = "";
  for (let column = 0; column < COLUMNS; column++) {
    const from = zeroMs + moment(knots, (100 * column) / COLUMNS);
    const until = zeroMs + moment(knots, (100 * (column + 1)) / COLUMNS);
    let peak = 0;
    const last = Math.min(peaks.length - 1, Math.max(Math.floor(from / PEAK_MS), Math.ceil(until / PEAK_MS) - 1));
    for (let n = Math.max(0, Math.floor(from / PEAK_MS)); n <= last; n++) peak = Math.max(peak, peaks[n]);
    const height = peak / loudest;
    if (height < 0.01) continue;
    const x = ((100 * column) / COLUMNS).toFixed(2);
    path += `M${x} ${(1 - height).toFixed(3)}h${(100 / COLUMNS).toFixed(3)}v${(2 * height).toFixed(3)}h-${(100 / COLUMNS).toFixed(3)}z`;
  }
  const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
  drawn.setAttribute("d", path || "M0 1h100");
  svg.replaceChildren(drawn);
}
