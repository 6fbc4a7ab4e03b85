// "Divide at the cursor": the place of the cursor goes with the form, in code points as the server counts.
for (const form of document.querySelectorAll("[data-passage]")) {
  form.addEventListener("submit", () => {
    const { value, selectionStart } = form.elements.text;
    form.elements.at.value = [...value.slice(0, selectionStart)].length;
  });
}
