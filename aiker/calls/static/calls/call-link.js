// The wire of one call: a token by POST, then the WebSocket.
//
//   const url = await requestCall(tokenUrl, csrfToken);
//   const link = await openLink(url, { onAudio, onEvent, onClose });
//   link.sendFrame(bytes); link.send({ event: "hangup" }); link.close();
//
// onClose gets the key of an error, or null after an orderly end.

import { CallError } from "./call-error.js";

const OPEN_MS = 10_000;
const NORMAL = [1000, 1005];
const REFUSALS = {
  1007: "protocol",
  1009: "protocol",
  1011: "server_failed",
  4400: "protocol",
  4401: "token_refused",
  4404: "assistant_unknown",
  4406: "engines_unusable",
  4429: "busy",
};
const STATUSES = { 401: "logged_out", 403: "logged_out", 404: "assistant_unknown", 429: "busy" };
// One second of speech stuck in the socket: what comes later is better lost than late.
const MAX_UNSENT_BYTES = 8000;
const BYTES_PER_MS = 8;

export async function requestCall(tokenUrl, csrfToken) {
  const response = await fetch(tokenUrl, {
    method: "POST",
    headers: { "X-CSRFToken": csrfToken, Accept: "application/json" },
  }).catch(() => {
    throw new CallError("unreachable");
  });
  if (response.redirected) throw new CallError("logged_out");
  if (!response.ok) throw new CallError(STATUSES[response.status] ?? "server_failed", `HTTP ${response.status}`);
  return (await response.json()).url;
}

export function openLink(url, handlers) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.binaryType = "arraybuffer";
    const patience = setTimeout(() => socket.close(), OPEN_MS);
    socket.onopen = () => {
      clearTimeout(patience);
      resolve(new CallLink(socket, handlers));
    };
    socket.onclose = ({ code }) => {
      clearTimeout(patience);
      reject(new CallError(REFUSALS[code] ?? "unreachable"));
    };
  });
}

class CallLink {
  constructor(socket, { onAudio, onEvent, onClose }) {
    this.socket = socket;
    this.lostMs = 0;
    socket.onmessage = ({ data }) => {
      if (typeof data === "string") onEvent(JSON.parse(data));
      else onAudio(new Uint8Array(data));
    };
    socket.onclose = ({ code }) => onClose(NORMAL.includes(code) ? null : (REFUSALS[code] ?? "connection_lost"));
  }

  sendFrame(bytes) {
    if (this.socket.bufferedAmount >= MAX_UNSENT_BYTES) {
      this.lostMs += bytes.length / BYTES_PER_MS;
      return;
    }
    if (this.lostMs) this.send({ event: "lost", ms: Math.round(this.lostMs) });
    this.lostMs = 0;
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(bytes);
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  close() {
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close(1000);
  }
}
