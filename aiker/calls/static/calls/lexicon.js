// Plays a word of the lexicon as it is written, or with the reading that stands in its row, saved or not.
"use strict";

(() => {
  const player = new Audio();

  async function play(box, read) {
    const row = box.closest("tr") || box.closest("form");
    const field = row.querySelector("input[name$=reading]");
    const url = new URL(box.dataset.audio, location.href);
    if (read) url.searchParams.set("reading", field ? field.value : "");
    const shown = box.querySelector("output");
    shown.textContent = "…";
    try {
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(await answer.text());
      URL.revokeObjectURL(player.src);
      player.src = URL.createObjectURL(await answer.blob());
      await player.play();
      shown.textContent = decodeURIComponent(answer.headers.get("X-Reading") || "");
    } catch (error) {
      shown.textContent = error.message;
    }
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest(".lexicon-listen button");
    if (button) play(button.parentElement, "read" in button.dataset);
  });
})();
