// Small helpers shared by the parts of the softphone's page.

// Every text of the page comes from its template, in the operator's language:
//   const text = readTexts(template);  text("state_listening")
export function readTexts(template) {
  const texts = new Map();
  for (const node of template.content.querySelectorAll("[data-key]")) {
    texts.set(node.dataset.key, node.textContent.trim());
  }
  const text = (key) => texts.get(key) ?? key;
  text.has = (key) => texts.has(key);
  return text;
}

export function element(tag, className, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  node.append(...children);
  return node;
}

export function icon(name, className = "") {
  const node = element("span", `material-symbols-outlined ${className}`, name);
  node.ariaHidden = "true";
  return node;
}
