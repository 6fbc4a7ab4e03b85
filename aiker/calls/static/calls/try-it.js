// The answer comes after the page: thinking and speaking take seconds, the passages are there at once.
const form = document.querySelector("[data-answer]");

async function answer() {
  const place = form.querySelector("[data-place]");
  const fail = (text) => {
    const line = document.createElement("p");
    line.className = "kb-problem";
    line.textContent = text;
    place.replaceChildren(line);
  };
  try {
    const response = await fetch(form.action, { method: "POST", body: new FormData(form), credentials: "same-origin" });
    if (response.ok) place.innerHTML = await response.text();
    else fail(response.status === 400 ? await response.text() : form.dataset.failed);
  } catch {
    fail(form.dataset.failed);
  }
}
if (form) answer();

// Versions belong to the base: another one is shown with its own.
document.querySelector(".try-form select[name=who]")?.addEventListener("change", (event) => {
  const own = event.target.form;
  own.version.value = "";
  own.k.value = "";
  own.noValidate = true;
  own.submit();
});
