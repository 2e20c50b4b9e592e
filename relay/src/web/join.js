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

const select = () => {
  sentence.focus();
  sentence.select();
};
// copyText is in copy.js, which the page loads first.
copy.addEventListener("click", () => copyText(sentence.value, select, copy));

sentence.addEventListener("focus", () => sentence.select());
window.addEventListener("hashchange", show);
show();
