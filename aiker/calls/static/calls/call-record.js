// Clicking a turn's time plays the recording from there.
const audio = document.querySelector(".call-record audio");
for (const button of document.querySelectorAll(".call-seek")) {
  button.addEventListener("click", () => {
    if (!audio) return;
    audio.currentTime = Math.max(0, Number(button.dataset.seek) / 1000 - 0.3);
    audio.play();
  });
}
