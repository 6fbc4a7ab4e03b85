// The audio thread of the softphone: microphone -> mu-law frames, mu-law frames -> loudspeaker.
//
// To the page:   {frame: Uint8Array(160), level}   every 20 ms; level is RMS, 0..1
//                {marks: [name]}                   played, or dropped by clear
//                {playing: boolean}                on each change
// From the page: {audio: Uint8Array} | {mark: name} | {clear: true} | {delay: seconds}

import { decode, encode } from "./g711.js";
import { Playout } from "./playout.js";
import { Resampler } from "./resampler.js";

const RATE = 8000;
const FRAME = 160;
const STEP = 8; // samples taken from the jitter buffer at a time: 1 ms

class SoftphoneProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.down = new Resampler(sampleRate, RATE);
    this.up = new Resampler(RATE, sampleRate);
    this.playout = new Playout();
    this.step = new Float32Array(STEP);
    this.frame = new Float32Array(FRAME);
    this.filled = 0;
    this.playing = false;
    this.ready = new Float32Array(0); // at the device's rate, not yet taken by it
    this.port.onmessage = ({ data }) => this.receive(data);
  }

  receive(data) {
    if (data.audio) this.playout.push(decode(data.audio));
    if (data.mark !== undefined) this.playout.mark(data.mark);
    if (data.delay !== undefined) this.playout.delay = Math.round(data.delay * RATE);
    if (data.clear) {
      this.ready = new Float32Array(0);
      this.report(this.playout.clear());
    }
  }

  report(marks) {
    if (marks.length) this.port.postMessage({ marks });
  }

  notice(playing) {
    if (playing !== this.playing) this.port.postMessage({ playing });
    this.playing = playing;
  }

  process([[microphone]], [[speaker]]) {
    // Without input the server's clock must still run, so silence is sent.
    this.capture(microphone ?? new Float32Array(speaker.length));
    this.play(speaker);
    return true;
  }

  capture(input) {
    for (const sample of this.down.process(input)) {
      this.frame[this.filled++] = sample;
      if (this.filled < FRAME) continue;
      this.filled = 0;
      const level = Math.sqrt(this.frame.reduce((sum, x) => sum + x * x, 0) / FRAME);
      const frame = encode(this.frame);
      this.port.postMessage({ frame, level }, [frame.buffer]);
    }
  }

  play(output) {
    let written = 0;
    while (written < output.length) {
      if (this.ready.length === 0) {
        this.report(this.playout.read(this.step));
        this.notice(this.playout.running);
        this.ready = this.up.process(this.step);
      }
      const part = this.ready.subarray(0, output.length - written);
      output.set(part, written);
      written += part.length;
      this.ready = this.ready.subarray(part.length);
    }
  }
}

registerProcessor("softphone", SoftphoneProcessor);
