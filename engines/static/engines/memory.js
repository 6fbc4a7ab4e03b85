// Shows what an engine would take with the values in the form, before they are saved.
const DELAY_MS = 250;

function watch(place) {
  const form = place.closest("form");
  let timer = 0;
  let latest = 0;

  async function predict() {
    const mine = ++latest;
    const values = new FormData(form);
    for (const secret of form.querySelectorAll("input[type=password]")) values.delete(secret.name);
    let text;
    try {
      const answer = await fetch(place.dataset.memoryUrl, { method: "POST", body: values });
      if (!answer.ok || answer.redirected) throw new Error(answer.status);
      text = await answer.text();
    } catch {
      if (mine === latest) place.textContent = place.dataset.memoryFailed;
      return;
    }
    if (mine === latest) place.innerHTML = text;
  }

  form.addEventListener("input", (event) => {
    if (!event.target.name?.startsWith("parameter_")) return;
    clearTimeout(timer);
    timer = setTimeout(predict, DELAY_MS);
  });
}

document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("[data-memory-url]").forEach(watch);
});
