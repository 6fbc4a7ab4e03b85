// The page of a call: the player, its waveform, turns and bars to play from, what is fetched when it is wanted.
import { draw, fetchPeaks, moment, place } from "./waveform.js";

const record = document.querySelector(".call-record");
const audio = record.querySelector(".call-player audio");
const wave = record.querySelector(".cw");
const falls = [...record.querySelectorAll(".wf")].map((root) => ({
  root,
  knots: JSON.parse(root.dataset.knots),
  zero: root.dataset.zero === "" ? null : Number(root.dataset.zero),
}));

function seek(ms) {
  if (!audio) return;
  audio.currentTime = Math.max(0, ms) / 1000;
  audio.play();
}

// -- clicks: what plays from a moment, what is copied, what is fetched

record.addEventListener("click", (event) => {
  const target = event.target.closest("[data-seek], [data-copy], [data-copy-link], [data-given]");
  if (!target) return;
  if (target.dataset.seek !== undefined) seek(Number(target.dataset.seek));
  else if (target.dataset.given) given(target);
  else copy(target.dataset.copy ?? location.href);
});

async function copy(text) {
  const said = record.querySelector(".call-copied");
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without https browsers have no clipboard to write to.
    const field = document.createElement("textarea");
    field.value = text;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
  }
  said.textContent = said.dataset.copied;
  setTimeout(() => (said.textContent = ""), 2000);
}

async function given(button) {
  const card = button.closest("li");
  const shown = card.querySelector(".call-given");
  button.setAttribute("aria-expanded", String(!shown));
  if (shown) return shown.remove();
  const place = document.createElement("div");
  place.className = "call-given";
  place.textContent = "…";
  card.append(place);
  try {
    const response = await fetch(button.dataset.given, { credentials: "same-origin" });
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`);
    place.innerHTML = await response.text();
  } catch (error) {
    place.textContent = error.message;
  }
}

// -- waveforms

function drawTurn({ root, knots, zero }, peaks) {
  for (const svg of root.querySelectorAll("svg[data-wave]")) {
    draw(svg, peaks[svg.dataset.wave], knots, zero);
    svg.addEventListener("click", (event) => seek(zero + moment(knots, percentOf(event, svg))));
  }
}

function percentOf(event, element) {
  const box = element.getBoundingClientRect();
  return (100 * (event.clientX - box.left)) / box.width;
}

async function showWaves() {
  let peaks;
  try {
    peaks = await fetchPeaks(wave.dataset.waveUrl);
  } catch (error) {
    const line = document.createElement("p");
    line.className = "cw-error";
    line.textContent = `${wave.dataset.failed} ${error.message}`;
    wave.prepend(line);
    return;
  }
  const duration = Number(wave.dataset.duration) || peaks.caller.length * 10;
  const whole = [[0, 0], [duration, 100]];
  for (const svg of wave.querySelectorAll("svg[data-wave]")) draw(svg, peaks[svg.dataset.wave], whole, 0);
  const surface = wave.querySelector(".cw-wave");
  surface.addEventListener("click", (event) => seek((duration * percentOf(event, surface)) / 100));
  followPlayer(surface, duration);
  // A call has up to hundreds of turns, and a screen shows two.
  const near = new IntersectionObserver(
    (entries) => {
      for (const { target } of entries.filter((entry) => entry.isIntersecting)) {
        near.unobserve(target);
        drawTurn(falls.find(({ root }) => root === target), peaks);
      }
    },
    { rootMargin: "400px" },
  );
  for (const { root } of falls.filter(({ zero }) => zero !== null)) near.observe(root);
  wave.dataset.drawn = "";
}

// -- where the player is

function followPlayer(surface, duration) {
  const line = surface.querySelector(".cw-play");
  const show = () => {
    const ms = audio.currentTime * 1000;
    line.hidden = false;
    line.style.left = `${Math.min(100, (100 * ms) / duration)}%`;
    for (const { root, knots, zero } of falls) {
      const inside = zero !== null && ms >= zero + knots[0][0] && ms <= zero + knots.at(-1)[0];
      let mark = root.querySelector(".wf-play");
      if (!inside) mark?.remove();
      else {
        if (!mark) {
          mark = document.createElement("i");
          mark.className = "wf-play";
          root.querySelector(".wf-over").append(mark);
        }
        mark.style.left = `${place(knots, ms - zero)}%`;
      }
    }
  };
  for (const name of ["timeupdate", "seeked"]) audio.addEventListener(name, show);
}

if (audio && wave) showWaves();
