// Jitter buffer of the reply, at 8 kHz. It knows no clock: reading is what makes time pass.
//
//   playout.push(samples);
//   playout.mark("m1");
//   const played = playout.read(output);   // fills output; names of the marks now played
//   const dropped = playout.clear();       // silence from here on; names of all marks still open

const START_SAMPLES = 480; // 60 ms, against the network's jitter

export class Playout {
  constructor(start = START_SAMPLES) {
    this.start = start;
    this.queue = []; // Float32Array or the name of a mark
    this.offset = 0; // samples of the first entry that are played
    this.buffered = 0;
    this.waited = 0;
    this.running = false;
    this.clock = 0; // samples read
    this.delay = 0; // samples from here to the loudspeaker
    this.due = []; // marks read, but not yet out of the loudspeaker
  }

  push(samples) {
    this.queue.push(samples);
    this.buffered += samples.length;
  }

  mark(name) {
    this.queue.push(name);
  }

  clear() {
    const open = this.due.map(({ name }) => name).concat(this.queue.filter((entry) => typeof entry === "string"));
    this.queue = [];
    this.due = [];
    this.offset = this.buffered = this.waited = 0;
    this.running = false;
    return open;
  }

  read(output) {
    output.fill(0);
    this.#startWhenReady(output.length);
    let written = 0;
    while (this.queue.length) {
      const entry = this.queue[0];
      if (typeof entry === "string") {
        this.due.push({ name: entry, at: this.clock + written + this.delay });
      } else {
        if (!this.running || written === output.length) break;
        const part = entry.subarray(this.offset, this.offset + output.length - written);
        output.set(part, written);
        written += part.length;
        this.offset += part.length;
        this.buffered -= part.length;
        if (this.offset < entry.length) break;
        this.offset = 0;
      }
      this.queue.shift();
    }
    if (this.buffered === 0) {
      this.running = false;
      this.waited = 0;
    }
    this.clock += output.length;
    return this.#played();
  }

  // A reply shorter than the buffer must be heard too, so waiting is bounded.
  #startWhenReady(length) {
    if (this.running || this.buffered === 0) return;
    this.waited += length;
    this.running = this.buffered >= this.start || this.waited >= this.start;
  }

  #played() {
    const names = [];
    while (this.due.length && this.due[0].at <= this.clock) names.push(this.due.shift().name);
    return names;
  }
}
