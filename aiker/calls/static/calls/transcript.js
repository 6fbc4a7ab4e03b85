// The conversation as bubbles: caller right, assistant left.
//
// Interim text is hidden from screen readers and replaced by a new element when final, so that
// the live region announces each utterance once.

import { element, icon } from "./page.js";

// The part of `text` that was heard, and the rest. White space may differ between the two.
export function splitHeard(text, heard) {
  let left = heard.replace(/\s/g, "").length;
  let end = 0;
  while (left > 0 && end < text.length) {
    if (!/\s/.test(text[end])) left--;
    end++;
  }
  return [text.slice(0, end), text.slice(end)];
}

// Clauses of Chinese join without a space, Latin words with one.
function join(text, clause) {
  const latin = /[!-~]$/.test(text) && /^[!-~]/.test(clause);
  return latin ? `${text} ${clause}` : text + clause;
}

export class Transcript {
  constructor(list, texts) {
    this.list = list;
    this.texts = texts;
    this.reset();
  }

  reset() {
    this.list.replaceChildren();
    this.exchanges = new Map();
  }

  // What the caller says in `turn`: interim until it is final. A noise without words leaves no trace.
  caller(turn, text, final) {
    const { item, said } = this.#exchange(turn);
    if (!text && final) {
      item.remove();
      this.exchanges.delete(turn);
      return;
    }
    const bubble = this.#bubble("caller", element("p", "sp-bubble", text));
    bubble.classList.toggle("sp-interim", !final);
    bubble.ariaHidden = String(!final);
    said.replaceChildren(bubble);
    this.#follow();
  }

  // One clause of the assistant's reply.
  reply(turn, clause) {
    const exchange = this.#exchange(turn);
    const before = exchange.text;
    exchange.text = join(before, clause);
    exchange.answer.append(element("span", "", exchange.text.slice(before.length)));
    exchange.answer.hidden = false;
    this.#follow();
  }

  // Said while the answer is late, and no part of it.
  filler(turn, text) {
    const bubble = this.#bubble("assistant", element("p", "sp-bubble", text));
    bubble.classList.add("sp-filler");
    this.#exchange(turn).said.after(bubble);
    this.#follow();
  }

  // The caller was not done: what was begun as an answer is taken back.
  reopen(turn) {
    const exchange = this.#exchange(turn);
    exchange.text = "";
    exchange.answer.replaceChildren();
    exchange.answer.hidden = true;
  }

  passages(turn, passages) {
    const { sources } = this.#exchange(turn);
    sources.replaceChildren(...passages.map((passage) => this.#chip(passage)));
    this.#follow();
  }

  // The reply of `turn` is over; what the caller did not hear is struck out.
  heard(turn, heard) {
    const exchange = this.exchanges.get(turn);
    if (turn === null) this.exchanges.delete(turn);
    if (exchange) this.#strike(exchange, heard);
  }

  // The record of the turn has the last word.
  finish({ turn, assistant_text: text, heard_text: heard }) {
    const exchange = this.exchanges.get(turn);
    if (!exchange || !text) return;
    exchange.text = text;
    this.#strike(exchange, heard);
  }

  // Nothing more is being recognised.
  close() {
    for (const interim of this.list.querySelectorAll(".sp-interim")) interim.remove();
  }

  notice(text, detail = "") {
    const item = element("li", "sp-notice", icon("error"), element("span", "", text));
    if (detail) item.append(element("span", "sp-subtle", detail));
    this.list.append(item);
    this.#follow();
  }

  #strike({ answer, text }, heard) {
    const [said, lost] = splitHeard(text, heard);
    answer.replaceChildren(element("span", "", said));
    if (lost.trim()) {
      const label = element("span", "sp-sr", ` (${this.texts("not_heard")}) `);
      answer.append(label, element("s", "sp-unheard", lost));
    }
    this.#follow();
  }

  // Passages may be found before the caller's words are final, so each has its place from the start.
  // A greeting or a prompt has no turn; its exchange is open until it was heard.
  #exchange(turn) {
    if (!this.exchanges.has(turn)) {
      const said = element("div", "sp-said");
      const answer = element("p", "sp-bubble");
      answer.hidden = true;
      const sources = element("div", "sp-sources");
      const item = element("li", "sp-exchange", said, this.#bubble("assistant", answer, sources));
      this.list.append(item);
      this.exchanges.set(turn, { item, said, answer, sources, text: "" });
    }
    return this.exchanges.get(turn);
  }

  #bubble(who, ...content) {
    return element("div", `sp-row sp-${who}`, element("span", "sp-sr", `${this.texts(who)}: `), ...content);
  }

  #chip({ title, text, score }) {
    const summary = element("summary", "", icon("article"), element("span", "sp-chip-title", title));
    if (score != null) {
      const value = element("span", "sp-score", Number(score).toFixed(2));
      value.title = this.texts("score");
      summary.append(value);
    }
    return element("details", "sp-chip", summary, element("p", "", text));
  }

  // Keeps the newest line in view, unless the operator scrolled up to read.
  #follow() {
    const box = this.list.parentElement;
    const below = box.scrollHeight - box.scrollTop - box.clientHeight;
    if (below < 240) box.scrollTop = box.scrollHeight;
  }
}
