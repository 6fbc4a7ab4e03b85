// Microphone and loudspeaker of one call.
//
//   const audio = await openAudio({ onFrame, onMarks, onPlaying, onMicrophoneLost });
//   audio.play(bytes); audio.mark(name); audio.clear(); audio.setMuted(true); audio.close();
//
// Rejects with a CallError: insecure, mic_denied, mic_missing, mic_busy, audio_failed.

import { CallError } from "./call-error.js";

const MICROPHONE = {
  audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
};
const REFUSALS = {
  NotAllowedError: "mic_denied",
  SecurityError: "mic_denied",
  NotFoundError: "mic_missing",
  OverconstrainedError: "mic_missing",
  NotReadableError: "mic_busy",
  AbortError: "mic_busy",
};

export async function openAudio(handlers) {
  if (!window.isSecureContext || !navigator.mediaDevices) throw new CallError("insecure");
  const stream = await navigator.mediaDevices.getUserMedia(MICROPHONE).catch((error) => {
    throw new CallError(REFUSALS[error.name] ?? "audio_failed", error.message);
  });
  const context = new AudioContext({ latencyHint: "interactive" });
  const audio = new PhoneAudio(stream, context, handlers);
  try {
    await audio.start();
  } catch (error) {
    audio.close();
    throw new CallError("audio_failed", error.message);
  }
  return audio;
}

class PhoneAudio {
  constructor(stream, context, handlers) {
    this.stream = stream;
    this.context = context;
    this.handlers = handlers;
  }

  async start() {
    await this.context.audioWorklet.addModule(new URL("./softphone-worklet.js", import.meta.url));
    await this.context.resume();
    this.node = new AudioWorkletNode(this.context, "softphone", {
      channelCount: 1,
      channelCountMode: "explicit",
      outputChannelCount: [1],
    });
    this.node.port.onmessage = ({ data }) => this.#receive(data);
    this.source = this.context.createMediaStreamSource(this.stream);
    this.source.connect(this.node).connect(this.context.destination);
    const [track] = this.stream.getAudioTracks();
    track.onended = () => this.handlers.onMicrophoneLost();
  }

  #receive({ frame, level, marks, playing }) {
    if (frame) this.handlers.onFrame(frame, level);
    if (playing !== undefined) this.handlers.onPlaying(playing);
    if (marks) this.handlers.onMarks(marks);
  }

  play(bytes) {
    this.node.port.postMessage({ audio: bytes });
  }

  mark(name) {
    this.node.port.postMessage({ delay: this.context.outputLatency || 0, mark: name });
  }

  clear() {
    this.node.port.postMessage({ clear: true });
  }

  setMuted(muted) {
    for (const track of this.stream.getAudioTracks()) track.enabled = !muted;
  }

  close() {
    for (const track of this.stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    if (this.node) {
      this.node.port.onmessage = null;
      this.source.disconnect();
      this.node.disconnect();
    }
    if (this.context.state !== "closed") this.context.close();
  }
}
