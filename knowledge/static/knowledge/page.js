// Pages of the knowledge: ask before a form that changes what callers hear, and keep up with work that goes on.
const REFRESH_MS = 2000;

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !window.confirm(question)) event.preventDefault();
});

async function refresh() {
  const part = document.querySelector("[data-refresh]");
  if (part?.dataset.refresh !== "true") return;
  try {
    const answer = await fetch(window.location.href, { credentials: "same-origin" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const newer = page.querySelector("[data-refresh]");
    if (answer.ok && newer) part.replaceWith(newer);
  } catch {
    // The server is being restarted; it is asked again.
  }
  window.setTimeout(refresh, REFRESH_MS);
}
window.setTimeout(refresh, REFRESH_MS);
