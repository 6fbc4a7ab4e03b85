// The page of now: what the server pushes is shown, nothing is asked for.

import { readTexts } from "../calls/page.js";
import { OpenCall } from "./now-call.js";
import { Calls } from "./now-calls.js";
import { CallList } from "./now-list.js";
import { listen } from "./now-listen.js";
import { NowSocket } from "./now-socket.js";
import { Surroundings } from "./now-surroundings.js";

const address = (path) => `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;

class NowPage {
  constructor(root) {
    this.root = root;
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.texts = readTexts(document.getElementById("now-texts"));
    this.texts.seconds = (ms) => this.texts("seconds").replace("{seconds}", (ms / 1000).toFixed(2));
    this.calls = new Calls();
    this.list = new CallList(root, this.calls, this.texts, (id) => this.#open(id));
    this.call = new OpenCall(root, this.calls, this.texts);
    this.surroundings = new Surroundings(root, this.texts);
    this.listening = null;
    this.socket = new NowSocket(address(root.dataset.socket), {
      onMessage: (message) => this.#take(message),
      onState: (state) => this.#connection(state),
    });
    this.#buttons();
    setInterval(() => this.#tick(), 1000);
  }

  #take(message) {
    if (message.rights) this.#begin(message.rights);
    if (message.surroundings) this.#surround(message.surroundings);
    if (message.failed) this.#say(`failed_${message.why}`);
    if (!message.calls) return;
    const changed = this.calls.take(message);
    this.list.show(changed);
    if (!this.calls.get(this.call.id)) this.#open(this.calls.all[0]?.id ?? null);
    else if (changed === null || changed.includes(this.call.id)) this.call.show();
  }

  // The first message of each connection is the whole; the server may be another one than before.
  #begin(rights) {
    this.calls.clear();
    this.part("listen").hidden = !rights.listen;
    this.part("hang-up").hidden = !rights.hang_up;
  }

  #surround(surroundings) {
    this.calls.assistants = surroundings.assistants ?? this.calls.assistants;
    this.calls.targetMs = surroundings.target_ms;
    this.surroundings.show(surroundings);
    this.list.show([...this.list.rows.keys()]);
    this.call.show();
  }

  #connection(state) {
    if (state === this.state) return;
    this.state = state;
    this.root.dataset.connection = state;
    this.part("connection").textContent = this.texts(`connection_${state}`);
    const lost = ["lost", "logged_out", "refused"].includes(state);
    this.part("lost").hidden = !lost;
    if (!lost) return;
    const since = new Date().toLocaleTimeString(document.documentElement.lang);
    this.part("lost-title").textContent = this.texts(`lost_${state}`).replace("{time}", since);
    this.part("lost-link").hidden = state === "lost";
  }

  #open(id) {
    if (id !== this.call.id) this.#stopListening();
    this.call.open(id);
    this.list.mark(id);
  }

  #tick() {
    if (this.state !== "connected") return; // nobody knows whether they still go on
    this.list.tick();
    this.call.tick();
  }

  #buttons() {
    const dialog = this.part("confirm");
    this.part("hang-up").addEventListener("click", () => {
      dialog.dataset.call = this.call.id;
      this.part("confirm-who").textContent = this.part("who").textContent;
      dialog.showModal();
    });
    dialog.addEventListener("close", () => {
      if (dialog.returnValue !== "hang-up") return;
      dialog.returnValue = "";
      if (!this.socket.send({ hang_up: dialog.dataset.call })) this.#say("failed_lost");
    });
    this.part("listen").addEventListener("click", ({ detail }) => {
      if (detail < 2) this.#toggleListening(); // the second of a double click would stop it again
    });
  }

  async #toggleListening() {
    if (this.listening) {
      this.#stopListening();
      return;
    }
    // Until its socket is there: whoever presses again, or opens another call, ends this.
    const starting = { stop() {} };
    this.listening = starting;
    this.#showListening(true);
    try {
      const listening = await listen(address(this.root.dataset.listen.replace("CALL_ID", this.call.id)), {
        onEnd: (key) => this.#listeningEnded(key),
      });
      if (this.listening === starting) this.listening = listening;
      else listening.stop();
    } catch (error) {
      if (this.listening === starting) this.#listeningEnded(error.message);
    }
  }

  #listeningEnded(key) {
    this.listening = null;
    this.#showListening(false);
    if (key) this.#say(`failed_${key}`);
  }

  #stopListening() {
    this.listening?.stop();
    this.listening = null;
    this.#showListening(false);
  }

  #showListening(on) {
    this.part("listen").ariaPressed = String(on);
    this.part("listen-label").textContent = this.texts(on ? "stop_listening" : "listen");
    if (on) this.#say("");
  }

  #say(key) {
    const box = this.part("message");
    box.hidden = !key;
    box.textContent = key && (this.texts.has(key) ? this.texts(key) : this.texts("failed_other"));
    clearTimeout(this.saying);
    if (key) this.saying = setTimeout(() => this.#say(""), 15_000);
  }
}

const root = document.getElementById("now");
if (root) new NowPage(root);
