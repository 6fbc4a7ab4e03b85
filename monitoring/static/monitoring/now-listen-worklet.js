// The audio thread of listening in. From the page: Uint8Array of two bytes that tell how many of mu-law are
// the caller's, those, and then the assistant's.

import { decode } from "../calls/g711.js";
import { Playout } from "../calls/playout.js";
import { Resampler } from "../calls/resampler.js";

const RATE = 8000;
const START_SAMPLES = 2000; // 250 ms: pieces come every 100 ms
const MOST_SAMPLES = 8000; // what came later than that is skipped, not played late
const STEP = 8;

class Side {
  constructor() {
    this.playout = new Playout(START_SAMPLES);
    this.resampler = new Resampler(RATE, sampleRate);
    this.step = new Float32Array(STEP);
    this.ready = new Float32Array(0);
  }

  push(samples) {
    if (this.playout.buffered > MOST_SAMPLES) this.playout.clear();
    this.playout.push(samples);
  }

  fill(output) {
    let written = 0;
    while (written < output.length) {
      if (this.ready.length === 0) {
        this.playout.read(this.step);
        this.ready = this.resampler.process(this.step);
      }
      const part = this.ready.subarray(0, output.length - written);
      output.set(part, written);
      written += part.length;
      this.ready = this.ready.subarray(part.length);
    }
  }
}

class ListenProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.caller = new Side();
    this.assistant = new Side();
    this.port.onmessage = ({ data }) => {
      const end = 2 + 256 * data[0] + data[1];
      this.caller.push(decode(data.subarray(2, end)));
      this.assistant.push(decode(data.subarray(end)));
    };
  }

  process(_inputs, [[left, right]]) {
    this.caller.fill(left);
    this.assistant.fill(right);
    return true;
  }
}

registerProcessor("listen", ListenProcessor);
