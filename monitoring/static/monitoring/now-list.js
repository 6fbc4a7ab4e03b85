// The list of calls: one row each, oldest first, so that no row moves while it is read.

import { element, icon } from "../calls/page.js";
import { elapsed, lastTurn, lastWords } from "./now-calls.js";

const MANY = 8;

export class CallList {
  constructor(root, calls, texts, onOpen) {
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.root = root;
    this.calls = calls;
    this.texts = texts;
    this.onOpen = onOpen;
    this.rows = new Map();
    this.open = null;
    this.part("troubled").addEventListener("change", () => this.#count());
  }

  // Shows the calls with these ids anew; all where `ids` is null.
  show(ids) {
    if (ids === null) this.#arrange();
    for (const id of ids ?? this.rows.keys()) this.#fill(this.rows.get(id), this.calls.get(id));
    this.#count();
  }

  mark(id) {
    this.open = id;
    for (const [key, row] of this.rows) row.button.ariaCurrent = String(key === id);
  }

  tick() {
    for (const [id, row] of this.rows) setText(row.elapsed, elapsed(this.calls.get(id)));
  }

  #arrange() {
    for (const [id, { item }] of this.rows) {
      if (this.calls.get(id)) continue;
      item.remove();
      this.rows.delete(id);
    }
    const rows = this.part("rows");
    this.calls.all.forEach(({ id }, place) => {
      if (!this.rows.has(id)) this.rows.set(id, this.#row(id));
      const { item } = this.rows.get(id);
      if (rows.children[place] !== item) rows.insertBefore(item, rows.children[place] ?? null);
    });
  }

  #row(id) {
    const row = {
      state: element("span", "now-state"),
      who: element("span", "now-who"),
      words: element("span", "now-words"),
      latency: element("span", "now-ms"),
      elapsed: element("span", "now-elapsed"),
    };
    row.button = element("button", "now-row", ...Object.values(row));
    row.button.type = "button";
    row.button.ariaCurrent = String(id === this.open);
    row.button.addEventListener("click", () => this.onOpen(id));
    row.item = element("li", "", row.button);
    row.item.dataset.call = id;
    return row;
  }

  #fill(row, call) {
    if (!row || !call) return;
    row.button.dataset.state = call.state;
    setText(row.state, this.texts(`state_${call.state}`));
    setText(row.who, [this.calls.name(call), call.caller].filter(Boolean).join(" · "));
    setText(row.elapsed, elapsed(call));
    const words = lastWords(call);
    setText(row.words, words ? `${this.texts(words.who)}: ${words.text}` : "");
    const turn = lastTurn(call);
    const ms = turn?.voice_to_voice_ms;
    setText(row.latency, turn?.error ? this.texts("failed") : ms == null ? "" : this.texts.seconds(ms));
    row.latency.title = ms == null ? "" : this.texts("voice_to_voice");
    row.latency.classList.toggle("now-late", this.calls.isTroubled(call));
    row.item.classList.toggle("now-fine", !this.calls.isTroubled(call));
    row.button.classList.toggle("now-overheard", call.listeners.length > 0);
  }

  #count() {
    const live = this.calls.live;
    setText(this.part("count"), String(live.length));
    this.root.dataset.calls = String(this.calls.all.length);
    this.root.classList.toggle("now-many", this.calls.all.length > MANY);
    this.part("filter").hidden = live.length <= MANY && !this.part("troubled").checked;
    this.root.classList.toggle("now-only-troubled", this.part("troubled").checked);
    const states = new Map();
    for (const { state } of live) states.set(state, (states.get(state) ?? 0) + 1);
    const troubled = live.filter((call) => this.calls.isTroubled(call)).length;
    this.part("summary").replaceChildren(
      ...[...states].sort().map(([state, count]) => this.#tally(`state_${state}`, count)),
      ...(troubled ? [this.#tally("troubled", troubled, "now-late")] : []),
    );
    if (live.length < 2) this.part("summary").replaceChildren();
    this.part("none").hidden = this.calls.all.length > 0;
    this.part("board").hidden = this.calls.all.length === 0;
  }

  #tally(key, count, kind = "") {
    const item = element("li", kind, `${this.texts(key)} ${count}`);
    if (kind) item.prepend(icon("warning"));
    return item;
  }
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
