// Shows the invite from the link's fragment, and asks the relay what it is for. Browsers do not send the fragment themselves.
"use strict";

const sentence = document.getElementById("sentence");
const copy = document.getElementById("copy");

function show() {
  const isInvite = /^#inv_[0-9a-z]{16,100}$/i.test(location.hash);
  const link = location.origin + location.pathname + location.hash;
  document.getElementById("with-invite").hidden = !isInvite;
  document.getElementById("without-invite").hidden = isInvite;
  document.getElementById("invitation").hidden = true;
  document.getElementById("invalid").hidden = true;
  if (isInvite) {
    sentence.value = sentence.dataset.words + " " + link;
    copy.textContent = "Copy";
    preview(location.hash.slice(1));
  }
}

// Says who invites to what. Names are other people's text, so they are only ever set as text.
async function preview(invite_code) {
  const invitation = document.getElementById("invitation");
  let response;
  try {
    const headers = { "content-type": "application/json" };
    response = await fetch(invitation.dataset.preview, { method: "POST", headers, body: JSON.stringify({ invite_code }) });
  } catch {
    return; // The page is useful without a preview.
  }
  if (response.ok) {
    const { channel_name, host, seat, bots } = await response.json();
    document.getElementById("host").textContent = host ?? "Somebody";
    document.getElementById("channel").textContent = channel_name;
    document.getElementById("seat").textContent = seat;
    document.getElementById("bots").textContent = bots.join(", ") || "none";
    invitation.hidden = false;
  } else if (response.status === 404) {
    document.getElementById("invalid").hidden = false;
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
