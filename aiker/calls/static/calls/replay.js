// Turns are run again one after another, each a request of its own; stopping drops the one that runs.
const form = document.querySelector("[data-replay]");
const turns = [...document.querySelectorAll("[data-turn]")];

function complain(place, text) {
  const line = document.createElement("p");
  line.className = "kb-problem";
  line.textContent = text;
  place.replaceChildren(line);
}

async function run(turn, body, signal) {
  const place = turn.querySelector("[data-place]");
  const before = [...place.childNodes];
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(document.createTextNode("…"));
  try {
    const response = await fetch(turn.dataset.turn, { method: "POST", body, signal, credentials: "same-origin" });
    const text = await response.text();
    if (response.ok) place.innerHTML = text;
    else complain(place, response.headers.get("content-type")?.startsWith("text/plain") ? text : form.dataset.failed);
    return response.ok;
  } catch (error) {
    if (error.name === "AbortError") place.replaceChildren(...before);
    else complain(place, form.dataset.failed);
    return false;
  } finally {
    place.removeAttribute("aria-busy");
  }
}

form?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { run: start, stop } = form.elements;
  const progress = form.querySelector("[data-progress]");
  const stopping = new AbortController();
  const body = new FormData(form);
  stop.onclick = () => stopping.abort();
  start.disabled = true;
  stop.hidden = false;
  for (const [n, turn] of turns.entries()) {
    progress.textContent = `${n + 1} / ${turns.length}`;
    // What stands in the way of one stands in the way of all.
    if (!(await run(turn, body, stopping.signal))) break;
  }
  progress.textContent = "";
  start.disabled = false;
  stop.hidden = true;
});
