// The operator's side of the page: state, timer, level, buttons, errors. It knows nothing of audio or wire.

const BUSY_STATES = ["permission", "connecting"];
const CALL_STATES = ["listening", "thinking", "speaking"];

export class CallPanel {
  constructor(root, texts) {
    this.root = root;
    this.texts = texts;
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.setState("idle");
  }

  onClick(name, action) {
    this.part(name).addEventListener("click", action);
  }

  // idle, permission, connecting, listening, thinking, speaking, ended
  setState(state) {
    const inCall = CALL_STATES.includes(state);
    const active = inCall || BUSY_STATES.includes(state);
    this.root.dataset.state = state;
    this.part("status").textContent = this.texts(`state_${state}`);
    this.#announce(this.texts(inCall ? "state_in_call" : `state_${state}`));
    for (const name of ["mute", "keys"]) this.part(name).disabled = !inCall;
    const picker = this.part("picker");
    if (picker) picker.disabled = active;
    this.#swap(active ? "call" : "hangup", active ? "hangup" : "call");
    if (!active) this.#reset();
  }

  // Each turn of the conversation is in the transcript already; only the call itself is announced.
  #announce(text) {
    const region = this.part("announce");
    if (region.textContent !== text) region.textContent = text;
  }

  // The focus must not fall off the page when its button goes.
  #swap(hide, show) {
    const focused = document.activeElement === this.part(hide);
    this.part(hide).hidden = true;
    this.part(show).hidden = false;
    if (focused) this.part(show).focus();
  }

  #reset() {
    clearInterval(this.ticking);
    this.setLevel(0);
    this.setMuted(false);
    this.showKeypad(false);
    this.part("digits").textContent = "";
  }

  startTimer() {
    const started = performance.now();
    const show = () => {
      const seconds = Math.floor((performance.now() - started) / 1000);
      const two = (number) => String(number).padStart(2, "0");
      this.part("timer").textContent = `${two(Math.floor(seconds / 60))}:${two(seconds % 60)}`;
    };
    show();
    clearInterval(this.ticking);
    this.ticking = setInterval(show, 500);
  }

  clearTimer() {
    this.part("timer").textContent = "00:00";
  }

  // RMS 0..1, shown from -60 dB to 0 dB.
  setLevel(level) {
    const share = level > 0 ? Math.min(1, Math.max(0, 1 + Math.log10(level) / 3)) : 0;
    this.root.style.setProperty("--level", share.toFixed(3));
  }

  setMuted(muted) {
    const button = this.part("mute");
    button.ariaPressed = String(muted);
    this.part("mute-icon").textContent = muted ? "mic" : "mic_off";
    this.part("mute-label").textContent = this.texts(muted ? "unmute" : "mute");
  }

  get muted() {
    return this.part("mute").ariaPressed === "true";
  }

  showKeypad(shown) {
    this.part("keypad").hidden = !shown;
    this.part("keys").ariaExpanded = String(shown);
  }

  get keypadShown() {
    return this.part("keys").ariaExpanded === "true";
  }

  addDigit(digit) {
    this.part("digits").textContent = (this.part("digits").textContent + digit).slice(-16);
  }

  showError(key, detail = "") {
    const known = this.texts.has(`error_${key}`) ? key : "server_failed";
    this.part("error").hidden = false;
    this.part("error-title").textContent = this.texts(`error_${known}`);
    this.part("error-advice").textContent = this.texts(`advice_${known}`);
    this.part("error-detail").textContent = detail;
  }

  showEnd(reason, callUrl) {
    const key = `reason_${reason}`;
    this.part("end").hidden = false;
    this.part("reason").textContent = this.texts.has(key) ? this.texts(key) : reason;
    this.part("record").hidden = !callUrl;
    this.part("record").href = callUrl;
  }

  clearOutcome() {
    this.part("error").hidden = true;
    this.part("end").hidden = true;
  }
}
