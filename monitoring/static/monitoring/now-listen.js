// Listening in on a call: its audio over a socket of its own, the caller left, the assistant right.
//
//   const listening = await listen(url, { onEnd });   // rejects with "insecure" or "audio_failed"
//   listening.stop();
//
// onEnd gets null when the call is over, else the key of an error.

const ENDS = { 1000: null, 4401: "logged_out", 4403: "refused", 4404: "gone" };

export async function listen(url, handlers) {
  if (!window.isSecureContext || !window.AudioWorkletNode) throw new Error("insecure");
  const context = new AudioContext({ latencyHint: "balanced" });
  try {
    await context.audioWorklet.addModule(new URL("./now-listen-worklet.js", import.meta.url));
    await context.resume();
  } catch {
    context.close();
    throw new Error("audio_failed");
  }
  return new Listening(url, context, handlers);
}

class Listening {
  constructor(url, context, { onEnd }) {
    this.context = context;
    this.node = new AudioWorkletNode(context, "listen", { numberOfInputs: 0, outputChannelCount: [2] });
    this.node.connect(context.destination);
    this.heard = 0;
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => this.#take(new Uint8Array(data));
    this.socket.onclose = ({ code }) => {
      this.#close();
      onEnd(code in ENDS ? ENDS[code] : "lost");
    };
  }

  stop() {
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(1000);
    this.#close();
  }

  #take(bytes) {
    this.heard += bytes.length;
    this.socket.send(JSON.stringify({ seen: this.heard }));
    this.node.port.postMessage(bytes);
  }

  #close() {
    this.node.disconnect();
    if (this.context.state !== "closed") this.context.close();
  }
}
