// The call that is open: who, its transcript, and what an operator can do with it.

import { element, icon } from "../calls/page.js";
import { splitHeard } from "../calls/transcript.js";
import { clock, elapsed } from "./now-calls.js";
import { setText } from "./now-list.js";

export class OpenCall {
  constructor(root, calls, texts) {
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.recordUrl = root.dataset.record;
    this.calls = calls;
    this.texts = texts;
    this.id = null;
    this.lines = new Map();
  }

  open(id) {
    if (id === this.id) return;
    this.id = id;
    this.lines.clear();
    this.part("lines").replaceChildren();
    this.show();
    const box = this.part("transcript");
    box.scrollTop = box.scrollHeight;
  }

  show() {
    const call = this.calls.get(this.id);
    this.part("call").hidden = !call;
    if (!call) return;
    const ended = call.state === "ended";
    setText(this.part("who"), [this.calls.name(call), call.caller].filter(Boolean).join(" · "));
    const facts = [this.texts(`wire_${call.wire}`), call.profile];
    setText(this.part("facts"), facts.filter(Boolean).join(" · "));
    const state = ended ? this.texts(`reason_${call.reason}`) : this.texts(`state_${call.state}`);
    setText(this.part("state"), state);
    this.part("state").dataset.state = call.state;
    const listeners = call.listeners.join(", ");
    setText(this.part("listeners"), listeners && this.texts("listeners").replace("{names}", listeners));
    for (const name of ["listen", "hang-up"]) {
      const button = this.part(name);
      if (button) button.disabled = ended;
    }
    this.part("record").href = this.recordUrl.replace("CALL_ID", encodeURIComponent(call.id));
    this.tick();
    this.#showLines(call);
  }

  tick() {
    const call = this.calls.get(this.id);
    if (call) setText(this.part("elapsed"), elapsed(call));
  }

  #showLines(call) {
    const box = this.part("transcript");
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 120;
    const numbers = [...call.lines.keys()];
    this.part("earlier").hidden = !numbers.length || numbers[0] === 1;
    this.part("silent").hidden = numbers.length > 0;
    for (const [number, { item }] of this.lines) {
      if (call.lines.has(number)) continue;
      item.remove();
      this.lines.delete(number);
    }
    for (const [number, line] of call.lines) this.#showLine(number, line);
    if (follows) box.scrollTop = box.scrollHeight;
  }

  #showLine(number, line) {
    const known = this.lines.get(number);
    if (known?.line === line) return;
    const item = known?.item ?? element("li", "now-line");
    item.replaceChildren(...this.#parts(line));
    if (!known) this.part("lines").append(item);
    this.lines.set(number, { item, line });
  }

  #parts(line) {
    const at = element("span", "now-at", clock(line.at_ms));
    const parts = [at];
    if (line.caller) parts.push(this.#said("caller", line.caller, line.final ? "" : "now-interim"));
    if (line.keys) parts.push(this.#said("caller", this.texts("keys").replace("{keys}", line.keys)));
    if (line.filler) parts.push(this.#said("assistant", line.filler, "now-filler"));
    if (line.tool) parts.push(this.#note("build", this.texts("tool").replace("{name}", line.tool)));
    if (line.reply) parts.push(this.#reply(line));
    if (line.interrupted) parts.push(this.#note("front_hand", this.texts("interrupted")));
    if (line.error) {
      const { stage, code } = line.error;
      const why = this.texts.has(`code_${code}`) ? this.texts(`code_${code}`) : code;
      parts.push(this.#note("error", `${this.texts("failed")}: ${this.texts(`stage_${stage}`)} (${why})`, "now-bad"));
    }
    if (line.voice_to_voice_ms != null) parts.push(this.#latency(line));
    return parts.length > 1 ? parts : [];
  }

  #said(who, text, kind = "") {
    return element("p", `now-said now-${who} ${kind}`, element("b", "", this.texts(who)), element("span", "", text));
  }

  #reply({ reply, heard }) {
    const said = this.#said("assistant", "");
    const text = said.lastChild;
    const [known, lost] = heard === null ? [reply, ""] : splitHeard(reply, heard);
    text.append(known);
    if (lost.trim()) {
      const unheard = element("s", "now-unheard", lost);
      unheard.title = this.texts("not_heard");
      text.append(unheard);
    }
    return said;
  }

  #latency({ voice_to_voice_ms: ms, largest }) {
    const late = this.calls.isSlow(ms);
    let text = `${this.texts("voice_to_voice")} ${this.texts.seconds(ms)}`;
    if (largest) {
      const name = this.texts(`latency_${largest.name}`);
      text += ` · ${this.texts("mostly").replace("{step}", name).replace("{time}", this.texts.seconds(largest.ms))}`;
    }
    return this.#note(late ? "hourglass_bottom" : "timer", text, late ? "now-late" : "");
  }

  #note(symbol, text, kind = "") {
    return element("p", `now-note ${kind}`, icon(symbol), element("span", "", text));
  }
}
