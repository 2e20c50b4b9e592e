// Shows the invite from the link's fragment. Browsers do not send the fragment to the server, and neither does this script.
"use strict";

const sentence = document.getElementById("sentence");
const copy = document.getElementById("copy");

function show() {
  const isInvite = /^#inv_[0-9a-z]{16,100}$/i.test(location.hash);
  const link = location.origin + location.pathname + location.hash;
  document.getElementById("with-invite").hidden = !isInvite;
  document.getElementById("without-invite").hidden = isInvite;
  if (isInvite) {
    sentence.value = sentence.dataset.words + " " + link;
    copy.textContent = "Copy";
  }
}

copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(sentence.value);
    copy.textContent = "Copied";
  } catch {
    // Pages without TLS have no access to the clipboard API.
    sentence.focus();
    sentence.select();
    copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  }
});

sentence.addEventListener("focus", () => sentence.select());
window.addEventListener("hashchange", show);
show();
