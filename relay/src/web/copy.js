// Adds a button to each text that is meant to be copied. Without this script, the texts can be selected as usual.
"use strict";

// Copies what is selected by `select`, and says so on the button.
async function copyText(text, select, button) {
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Pages without TLS have no access to the clipboard API.
    select();
    button.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  }
}

for (const source of document.querySelectorAll("pre.copyable, p.copyable")) {
  const text = source.textContent.trim();
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", () => copyText(text, () => getSelection().selectAllChildren(source), button));
  const frame = document.createElement("div");
  frame.className = "with-copy";
  source.replaceWith(frame);
  frame.append(source, button);
}
