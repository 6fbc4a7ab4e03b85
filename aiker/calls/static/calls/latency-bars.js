// Where the time of each turn went: one stacked bar a turn, all on one scale, target 1-2 s.

import { element, icon } from "./page.js";

const TARGET_MS = 2000;
const SMALLEST_SCALE_MS = 2500;
const SCALE_STEP_MS = 500;

export class LatencyBars {
  constructor(root, texts) {
    this.root = root;
    this.list = root.querySelector("[data-latency-list]");
    this.axis = root.querySelector("[data-latency-axis]");
    this.summary = root.querySelector("[data-latency-summary]");
    this.texts = texts;
    this.reset();
  }

  reset() {
    this.totals = [];
    this.list.replaceChildren();
    this.summary.textContent = "";
    this.root.hidden = true;
    this.#scale(SMALLEST_SCALE_MS);
  }

  add({ voice_to_voice_ms: total, contributions }) {
    if (total == null) return;
    this.totals.push(total);
    this.root.hidden = false;
    this.#scale(Math.ceil(Math.max(SMALLEST_SCALE_MS, ...this.totals) / SCALE_STEP_MS) * SCALE_STEP_MS);
    this.list.append(this.#row(total, contributions));
    this.summary.textContent = `${this.texts("median")} ${median(this.totals)} ms`;
    this.list.scrollTop = this.list.scrollHeight;
  }

  #scale(ms) {
    this.root.style.setProperty("--scale", ms);
    const seconds = Array.from({ length: Math.floor(ms / 1000) }, (_, i) => i + 1);
    this.axis.replaceChildren(
      ...seconds.map((second) => {
        const tick = element("span", "sp-tick", `${second} s`);
        tick.style.setProperty("--ms", 1000 * second);
        return tick;
      }),
    );
  }

  #row(total, contributions) {
    const bar = element("span", "sp-bar");
    for (const { name, ms } of contributions) {
      if (ms > 0) bar.append(this.#segment(name, ms));
    }
    const late = total > TARGET_MS;
    const verdict = icon(late ? "hourglass_bottom" : "check", "sp-verdict");
    const value = element("span", "sp-total", verdict, `${total} ms`);
    value.title = this.texts(late ? "over_target" : "in_target");
    value.append(element("span", "sp-sr", ` ${value.title}`));
    const label = element("span", "sp-turn", this.texts("turn").replace("{number}", this.totals.length));
    const row = element("details", "sp-latency-row", element("summary", "", label, bar, value));
    row.classList.toggle("sp-late", late);
    row.append(this.#table(contributions));
    return element("li", "", row);
  }

  #segment(name, ms) {
    const segment = element("span", "sp-segment", element("span", "", ms));
    segment.dataset.name = name;
    segment.style.setProperty("--ms", ms);
    segment.title = `${this.#label(name)} ${ms} ms`;
    return segment;
  }

  #table(contributions) {
    const rows = contributions.map(({ name, ms, owner }) => {
      const key = element("span", "sp-key");
      key.dataset.name = name;
      const label = element("td", "", key, this.#label(name));
      return element("tr", "", label, element("td", "sp-ms", `${ms} ms`), element("td", "sp-subtle", owner ?? ""));
    });
    return element("table", "sp-contributions", element("tbody", "", ...rows));
  }

  #label(name) {
    const key = `latency_${name}`;
    return this.texts.has(key) ? this.texts(key) : name;
  }
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : Math.round((sorted[middle - 1] + sorted[middle]) / 2);
}
