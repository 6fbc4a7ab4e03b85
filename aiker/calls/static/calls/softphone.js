// The softphone of /call/: ties microphone, wire and page together for one call at a time.

import { CallError } from "./call-error.js";
import { openLink, requestCall } from "./call-link.js";
import { CallPanel } from "./call-panel.js";
import { LatencyBars } from "./latency-bars.js";
import { readTexts } from "./page.js";
import { openAudio } from "./phone-audio.js";
import { Transcript } from "./transcript.js";

const HANGUP_MS = 2000; // for the server's goodbye

class Softphone {
  constructor(root) {
    this.root = root;
    const texts = readTexts(document.getElementById("softphone-texts"));
    this.texts = texts;
    this.panel = new CallPanel(root, texts);
    this.transcript = new Transcript(root.querySelector("[data-transcript]"), texts);
    this.latency = new LatencyBars(root.querySelector("[data-latency]"), texts);
    this.call = null;
    this.#bind();
  }

  #bind() {
    this.panel.onClick("call", () => this.start());
    this.panel.onClick("hangup", () => this.hangUp());
    this.panel.onClick("mute", () => this.#setMuted(!this.panel.muted));
    this.panel.onClick("keys", () => this.panel.showKeypad(!this.panel.keypadShown));
    this.panel.part("keypad").addEventListener("click", ({ target }) => this.#dial(target.closest("[data-digit]")));
    this.panel.part("keypad").addEventListener("keydown", ({ key }) => {
      if (/^[0-9*#]$/.test(key)) this.#dial(this.root.querySelector(`[data-digit="${key}"]`));
    });
    this.panel.part("picker")?.addEventListener("change", ({ target }) => target.form.submit());
    window.addEventListener("pagehide", () => this.#release());
  }

  async start() {
    const call = { id: null, reason: null, audio: null, link: null, mood: "listening", replying: false, playing: false };
    this.call = call;
    this.#clearPage();
    try {
      this.panel.setState("permission");
      call.audio = await this.#while(call, openAudio(this.#audioHandlers(call)));
      this.panel.setState("connecting");
      const token = this.root.querySelector("[name=csrfmiddlewaretoken]").value;
      const url = await this.#while(call, requestCall(this.root.dataset.tokenUrl, token));
      call.link = await this.#while(call, openLink(url, this.#linkHandlers(call)));
    } catch (error) {
      if (call !== this.call) return;
      if (!(error instanceof CallError)) console.error(error);
      this.#end(error instanceof CallError ? error : new CallError("server_failed", error.message));
    }
  }

  // What arrives after the operator gave up is closed at once.
  async #while(call, promise) {
    const part = await promise;
    if (call === this.call) return part;
    part.close?.();
    throw new CallError("cancelled");
  }

  hangUp() {
    const { call } = this;
    if (!call?.link) {
      if (call) this.#end();
      return;
    }
    call.link.send({ event: "hangup" });
    call.reason = "hung_up";
    call.audio.close();
    setTimeout(() => call === this.call && this.#end(), HANGUP_MS);
  }

  #audioHandlers(call) {
    return {
      onFrame: (frame, level) => {
        call.link?.sendFrame(frame);
        this.panel.setLevel(level);
      },
      onMarks: (names) => names.forEach((name) => call.link?.send({ event: "mark", name })),
      onPlaying: (playing) => this.#show(call, { playing }),
      onMicrophoneLost: () => {
        call.link?.send({ event: "hangup" });
        call.reason = "hung_up";
        this.#end(new CallError("mic_lost"));
      },
    };
  }

  #linkHandlers(call) {
    return {
      onAudio: (bytes) => call.audio.play(bytes),
      onEvent: (event) => this.#onEvent(call, event),
      onClose: (key) => call === this.call && this.#onClosed(call, key),
    };
  }

  #onEvent(call, event) {
    const { turn = null } = event;
    const handlers = {
      clear: () => call.audio.clear(),
      mark: () => call.audio.mark(event.name),
      call_started: () => this.#onStarted(call, event),
      speech_started: () => this.#show(call, { mood: "listening" }),
      speech_paused: () => this.#show(call, { mood: "thinking" }),
      transcript: () => this.#onTranscript(call, event),
      turn_committed: () => this.#show(call, { mood: "thinking" }),
      turn_reopened: () => this.#onReopened(call, turn),
      passages: () => this.transcript.passages(turn, event.passages),
      reply_text: () => this.transcript.reply(turn, event.text),
      filler: () => this.transcript.filler(turn, event.text),
      reply_started: () => this.#show(call, { replying: true }),
      reply_held: () => this.#show(call, { replying: false, mood: "listening" }),
      reply_resumed: () => this.#show(call, { replying: turn !== null }),
      reply_finished: () => this.#onReplyOver(call, event),
      interrupted: () => this.#onReplyOver(call, event),
      turn_finished: () => {
        this.transcript.finish(event);
        this.latency.add(event);
      },
      error: () => this.transcript.notice(event.message, `${event.stage} · ${event.code}`),
      call_ended: () => {
        call.reason = event.reason;
      },
    };
    handlers[event.event]?.();
  }

  // An end that nobody asked for and nobody explained is a lost connection.
  #onClosed(call, key) {
    if (call.reason) this.#end();
    else this.#end(new CallError(key ?? "connection_lost"));
  }

  #onStarted(call, event) {
    call.id = event.call_id;
    this.#show(call, {});
    this.panel.startTimer();
  }

  // A turn that holds no words gets no reply.
  #onTranscript(call, { turn, text, final }) {
    this.transcript.caller(turn, text, final);
    if (final && !text) this.#show(call, { mood: "listening" });
  }

  #onReplyOver(call, { turn, heard }) {
    this.transcript.heard(turn, heard);
    this.#show(call, { replying: false, mood: "listening" });
  }

  #onReopened(call, turn) {
    this.transcript.reopen(turn);
    this.#show(call, { replying: false, mood: "listening" });
  }

  // A reply counts as spoken through its pauses, and any other sound (greeting, prompt) while it lasts.
  #show(call, change) {
    Object.assign(call, change);
    if (call !== this.call || !call.id) return;
    this.panel.setState(call.replying || call.playing ? "speaking" : call.mood);
  }

  #setMuted(muted) {
    this.panel.setMuted(muted);
    this.call?.audio.setMuted(muted);
  }

  #dial(key) {
    if (!key || !this.call?.link) return;
    const { digit } = key.dataset;
    this.call.link.send({ event: "dtmf", digit });
    this.panel.addDigit(digit);
  }

  #clearPage() {
    this.transcript.reset();
    this.latency.reset();
    this.panel.clearOutcome();
    this.panel.clearTimer();
    this.root.classList.add("sp-used");
  }

  #end(error = null) {
    const { call } = this;
    this.#release();
    this.transcript.close();
    this.panel.setState(call.id ? "ended" : "idle");
    if (error) this.panel.showError(error.key, error.detail);
    const url = call.id && this.root.dataset.callUrl.replace("CALL_ID", encodeURIComponent(call.id));
    if (call.id) this.panel.showEnd(call.reason ?? "connection_lost", url);
  }

  #release() {
    this.call?.link?.close();
    this.call?.audio?.close();
    this.call = null;
  }
}

const root = document.getElementById("softphone");
if (root) new Softphone(root);
