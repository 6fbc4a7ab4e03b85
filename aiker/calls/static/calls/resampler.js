// Streaming resampler between any two whole rates, with a proper low-pass.
//
//   const down = new Resampler(48000, 8000);
//   const samples = down.process(input);   // as many as are complete; the rest waits inside
//
// A windowed sinc in polyphase form. Flat to about 3.3 kHz at 8 kHz, 70 dB down where it
// would alias, 3 ms of delay.

const ZERO_CROSSINGS = 24; // of the kernel, each side
const CUTOFF = 0.91; // of the lower Nyquist frequency
const KAISER_BETA = 6.76; // 70 dB

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}

function bessel(x) {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

function kernel(up, from, to, half) {
  const bandwidth = (CUTOFF * Math.min(from, to)) / from;
  return Array.from({ length: up }, (_, phase) => {
    const taps = Float32Array.from({ length: 2 * half }, (_, i) => {
      const x = i - half + 1 - phase / up;
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * bandwidth * x) / (Math.PI * bandwidth * x);
      return sinc * bessel(KAISER_BETA * Math.sqrt(Math.max(0, 1 - (x / half) ** 2)));
    });
    const sum = taps.reduce((a, b) => a + b, 0);
    return taps.map((tap) => tap / sum);
  });
}

export class Resampler {
  constructor(from, to) {
    const divisor = greatestCommonDivisor(from, to);
    this.up = to / divisor;
    this.down = from / divisor;
    const half = Math.ceil((ZERO_CROSSINGS * from) / Math.min(from, to));
    this.phases = kernel(this.up, from, to, half);
    this.taps = 2 * half;
    this.phase = 0;
    this.start = 0; // first input sample under the kernel
    this.fill = half - 1; // silence before the first sample
    this.buffer = new Float32Array(this.taps + 4096);
  }

  process(input) {
    if (this.fill + input.length > this.buffer.length) {
      const grown = new Float32Array(2 * (this.fill + input.length));
      grown.set(this.buffer.subarray(0, this.fill));
      this.buffer = grown;
    }
    this.buffer.set(input, this.fill);
    this.fill += input.length;
    const output = new Float32Array(Math.ceil((input.length * this.up) / this.down) + 1);
    let count = 0;
    while (this.start + this.taps <= this.fill) {
      output[count++] = this.#at(this.start, this.phases[this.phase]);
      this.phase += this.down;
      this.start += Math.floor(this.phase / this.up);
      this.phase %= this.up;
    }
    const done = Math.min(this.start, this.fill);
    this.buffer.copyWithin(0, done, this.fill);
    this.fill -= done;
    this.start -= done;
    return output.subarray(0, count);
  }

  #at(start, taps) {
    let sum = 0;
    for (let i = 0; i < taps.length; i++) sum += taps[i] * this.buffer[start + i];
    return sum;
  }
}
