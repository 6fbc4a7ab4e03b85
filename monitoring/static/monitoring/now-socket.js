// The socket of the page of now: it comes back by itself, and says when it is gone.
//
//   const socket = new NowSocket(url, { onMessage, onState });
//   socket.send({ hang_up: id });
//
// onState gets "connecting", "connected", "lost" (it tries again) or "logged_out", "refused" (it does not).

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
const SILENCE_MS = 15_000; // the server tells something every three seconds
const FINAL = { 4401: "logged_out", 4403: "refused" };

export class NowSocket {
  constructor(url, { onMessage, onState }) {
    this.url = url;
    this.onMessage = onMessage;
    this.onState = onState;
    this.wait = FIRST_WAIT_MS;
    addEventListener("online", () => this.#soon());
    document.addEventListener("visibilitychange", () => document.hidden || this.#soon());
    onState("connecting");
    this.#open();
  }

  send(message) {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(message));
    return true;
  }

  #open() {
    clearTimeout(this.retry);
    this.retry = null;
    const socket = new WebSocket(this.url);
    this.socket = socket;
    this.#watch();
    socket.onmessage = ({ data }) => {
      this.#watch();
      this.wait = FIRST_WAIT_MS;
      const message = JSON.parse(data);
      this.onState("connected");
      this.onMessage(message);
      if (message.number) this.send({ seen: message.number });
    };
    socket.onclose = ({ code }) => socket === this.socket && this.#closed(code);
  }

  #closed(code) {
    clearTimeout(this.silence);
    this.socket.onmessage = this.socket.onclose = null;
    this.socket = null;
    if (FINAL[code]) {
      this.onState(FINAL[code]);
      return;
    }
    this.onState("lost");
    this.retry = setTimeout(() => this.#open(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(LONGEST_WAIT_MS, 2 * this.wait);
  }

  // A connection may die without anyone telling.
  #watch() {
    clearTimeout(this.silence);
    const { socket } = this;
    this.silence = setTimeout(() => {
      if (socket !== this.socket) return;
      socket.close();
      this.#closed(1006);
    }, SILENCE_MS);
  }

  #soon() {
    if (this.retry) this.#open();
  }
}
