// G.711 mu-law, byte for byte the same as aiker/audio/g711.py.
//
//   const bytes = encode(samples);   // Float32Array in -1..1, 8 kHz -> Uint8Array
//   const samples = decode(bytes);   // and back

// In the 14-bit scale of G.711.
const BIAS = 33;
const CLIP = 8158;

function codeOf(sample) {
  const magnitude = Math.min(Math.abs(sample >> 2), CLIP) + BIAS;
  const exponent = 26 - Math.clz32(magnitude);
  const mantissa = (magnitude >> (exponent + 1)) & 0x0f;
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | mantissa) & 0xff;
}

function sampleOf(byte) {
  const code = ~byte & 0xff;
  const magnitude = ((((code & 0x0f) << 1) + BIAS) << ((code >> 4) & 0x07)) - BIAS;
  return 4 * (code & 0x80 ? -magnitude : magnitude);
}

// Indexed by the sample's unsigned 16-bit pattern.
const ENCODE = Uint8Array.from({ length: 65536 }, (_, pattern) => codeOf((pattern << 16) >> 16));
const DECODE = Float32Array.from({ length: 256 }, (_, byte) => sampleOf(byte) / 32768);

export function encode(samples) {
  const bytes = new Uint8Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    const sample = Math.max(-32768, Math.min(32767, Math.round(samples[i] * 32768)));
    bytes[i] = ENCODE[sample & 0xffff];
  }
  return bytes;
}

export function decode(bytes) {
  return Float32Array.from(bytes, (byte) => DECODE[byte]);
}
