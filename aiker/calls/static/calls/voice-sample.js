// Puts a play button beside the voices of an assistant: a sentence by the engine, or a published voice's preview.
"use strict";

(() => {
  const player = new Audio();
  let shown = null;

  function addButton(select, label, address) {
    const box = document.createElement("span");
    box.className = "voice-sample";
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `▶ ${label}`;
    const output = document.createElement("output");
    box.append(button, output);
    // Unfold draws the arrow of a select in the element around it.
    (select.closest(".related-widget-wrapper") || select.parentElement).after(box);
    const update = () => { button.disabled = !address(); };
    select.addEventListener("change", update);
    update();
    button.addEventListener("click", () => play(address(), output));
  }

  async function play(url, output) {
    if (shown) shown.textContent = "";
    shown = output;
    output.textContent = "…";
    try {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(await answer.text());
      URL.revokeObjectURL(player.src);
      player.src = URL.createObjectURL(await answer.blob());
      await player.play();
      output.textContent = "";
    } catch (error) {
      output.textContent = error.message;
    }
  }

  document.addEventListener("DOMContentLoaded", () => {
    const voice = document.querySelector("select[data-voice-sample]");
    if (!voice) return;
    const label = voice.dataset.listen;
    addButton(voice, label, () => {
      const url = new URL(voice.dataset.voiceSample, location.href);
      url.searchParams.set("voice", voice.value);
      url.searchParams.set("profile", document.querySelector("[name=profile]")?.value || "");
      return voice.value && url;
    });
    const published = document.querySelector("select[name=voice_profile]");
    if (!published) return;
    const previews = JSON.parse(voice.dataset.voicePreviews);
    addButton(published, label, () => previews[published.value]);
  });
})();
