// What the page knows of the calls: updates of the server, put together.
//
//   const calls = new Calls();
//   const changed = calls.take(message);   // ids; null when the list itself changed
//   calls.all                              // oldest first
//   calls.get(id).lines                    // Map of number -> line, oldest first

export class Calls {
  constructor() {
    this.byId = new Map();
    this.order = [];
    this.assistants = {};
    this.targetMs = null;
  }

  clear() {
    this.byId.clear();
  }

  get(id) {
    return this.byId.get(id);
  }

  get all() {
    return this.order.map((id) => this.byId.get(id)).filter(Boolean); // a large update comes in pieces
  }

  get live() {
    return this.all.filter(({ state }) => state !== "ended");
  }

  take({ calls = [], live = null }) {
    const known = calls.every(({ id }) => this.byId.has(id));
    for (const call of calls) this.#merge(call);
    if (live) {
      this.order = live;
      const there = new Set(live);
      for (const id of this.byId.keys()) if (!there.has(id)) this.byId.delete(id);
    }
    return live || !known ? null : calls.map(({ id }) => id);
  }

  name(call) {
    return this.assistants[call.assistant] ?? call.assistant;
  }

  isSlow(ms) {
    return ms != null && this.targetMs != null && ms > this.targetMs;
  }

  // Slow in its last turn, or an engine failed in it.
  isTroubled(call) {
    const last = lastTurn(call);
    return Boolean(last && (last.error || this.isSlow(last.voice_to_voice_ms)));
  }

  #merge(fresh) {
    const known = this.byId.get(fresh.id);
    const lines = known?.lines ?? new Map();
    for (const line of fresh.lines) lines.set(line.number, line);
    for (const number of lines.keys()) if (number < fresh.first_line) lines.delete(number);
    const now = performance.now();
    const call = { ...fresh, lines, began: now - fresh.age_ms };
    if (fresh.state === "ended") call.lasted = fresh.age_ms - fresh.state_ms;
    this.byId.set(fresh.id, call);
  }
}

// The newest turn that is over, or has failed.
export function lastTurn(call) {
  return [...call.lines.values()].findLast((line) => line.voice_to_voice_ms != null || line.error);
}

// What was said last, and by whom.
export function lastWords(call) {
  for (const line of [...call.lines.values()].reverse()) {
    if (line.reply) return { who: "assistant", text: line.heard ?? line.reply };
    if (line.caller || line.keys) return { who: "caller", text: line.caller || line.keys };
  }
  return null;
}

export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

export function elapsed(call) {
  return clock(call.lasted ?? performance.now() - call.began);
}
