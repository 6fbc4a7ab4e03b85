// Engines, machine, index and alarms: quiet while all is well. A part that is undefined may not be seen by
// this operator, one that is null could not be read.

import { element, icon } from "../calls/page.js";

export class Surroundings {
  constructor(root, texts) {
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.texts = texts;
    this.language = document.documentElement.lang;
  }

  show({ engines, machine, index, alarms }) {
    this.#fill("engines", engines, (list) => list.map((engine) => this.#engine(engine)));
    this.#fill("machine", machine, (values) => this.#machine(values));
    this.#fill("index", index, (list) => list.map((base) => this.#base(base)));
    this.#fill("alarms", alarms, (list) => list.map((alarm) => this.#alarm(alarm)));
    this.part("alarms").parentElement.classList.toggle("now-alarmed", Boolean(alarms?.some((a) => !a.acknowledged)));
  }

  #fill(name, value, draw) {
    const list = this.part(name);
    list.parentElement.hidden = value === undefined;
    if (value === undefined) return;
    const items = value === null ? [this.#chip("unknown", this.texts(`${name}_unknown`))] : draw(value);
    list.replaceChildren(...(items.length ? items : [this.#chip("none", this.texts(`${name}_none`))]));
  }

  #engine({ kind, name, up, queue }) {
    const chip = this.#chip(up ? "good" : "bad", this.texts(`stage_${kind}`), name);
    if (!up) chip.append(element("b", "", this.texts("down")));
    else if (queue) chip.append(element("span", "now-load", this.texts("queue").replace("{n}", queue)));
    chip.append(element("span", "now-sr", up ? this.texts("up") : ""));
    return chip;
  }

  #machine(values) {
    const shown = [];
    for (const [key, value] of Object.entries(values).sort()) {
      const gpu = key.split("|")[1];
      const label = gpu === undefined ? this.texts(key) : `GPU ${gpu}`;
      const figure = key === "tasks_waiting" ? String(value) : `${Math.round(value)}%`;
      if (key !== "tasks_waiting" || value > 0) shown.push(this.#chip("plain", label, figure));
    }
    return shown;
  }

  #base({ name, version, waiting, failed, building }) {
    const chip = this.#chip(failed || !version ? "bad" : "good", name);
    const say = (key, n) => chip.append(element("span", ["failed", "nothing_live"].includes(key) ? "now-bad" : "now-load", this.texts(`index_${key}`).replace("{n}", n)));
    if (!version) say("nothing_live", 0);
    if (building) say("building", building.of ? `${Math.floor((100 * building.done) / building.of)}%` : "0%");
    if (waiting) say("waiting", waiting);
    if (failed) say("failed", failed);
    chip.title = version;
    return chip;
  }

  #alarm({ url, text, acknowledged, age_s: age }) {
    const link = element("a", "", icon(acknowledged ? "notifications_off" : "notifications_active"), text[this.language] ?? Object.values(text)[0]);
    link.href = url;
    const since = this.texts("since").replace("{minutes}", Math.max(1, Math.round(age / 60)));
    const item = element("li", acknowledged ? "now-chip" : "now-chip now-bad", link, element("span", "now-quiet", since));
    if (acknowledged) item.append(element("span", "now-quiet", this.texts("acknowledged")));
    return item;
  }

  #chip(kind, label, detail = "") {
    const chip = element("li", `now-chip now-is-${kind}`, element("span", "", label));
    if (detail) chip.append(element("span", "now-quiet", detail));
    return chip;
  }
}
