// Shows the invite of this link. It is in the fragment, which browsers keep to themselves: nothing here sends it anywhere.
"use strict";

const sentence = document.getElementById("sentence");
const copy = document.getElementById("copy");

function show() {
  const known = /^#inv_[0-9a-z]{16,100}$/i.test(location.hash);
  const link = location.origin + location.pathname + location.hash;
  document.getElementById("with-invite").hidden = !known;
  document.getElementById("without-invite").hidden = known;
  if (known) {
    sentence.value = sentence.dataset.words + " " + link;
    copy.textContent = "Copy";
  }
}

copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(sentence.value);
    copy.textContent = "Copied";
  } catch {
    // Browsers have no clipboard for pages without TLS.
    sentence.focus();
    sentence.select();
    copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  }
});

sentence.addEventListener("focus", () => sentence.select());
window.addEventListener("hashchange", show);
show();
