// Saves the receipt that the link's fragment stands for. Browsers do not send the fragment themselves.
"use strict";

const page = document.getElementById("receipt");
const save = document.getElementById("save");
const problem = document.getElementById("problem");
let secret = "";

function take() {
  if (/^#rcp_[0-9A-Za-z_-]{40,1000}$/.test(location.hash)) {
    secret = location.hash.slice(1);
    // The secret stays out of the history and of what people copy from the address bar.
    history.replaceState(null, "", location.pathname);
  }
  document.getElementById("with-link").hidden = !secret;
  document.getElementById("without-link").hidden = Boolean(secret);
}

function tell(text) {
  problem.textContent = text;
  problem.hidden = !text;
}

async function fetchReceipt() {
  const headers = { "content-type": "application/json" };
  const response = await fetch(page.dataset.file, { method: "POST", headers, body: JSON.stringify({ secret }) });
  if (!response.ok) {
    const { title, detail } = await response.json();
    throw new Error(title + " " + detail);
  }
  const name = /filename="([a-z0-9_.]+)"/.exec(response.headers.get("content-disposition"));
  return [await response.blob(), name ? name[1] : "receipt.jsonl"];
}

save.addEventListener("click", async () => {
  save.disabled = true;
  tell("");
  try {
    const [file, name] = await fetchReceipt();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    URL.revokeObjectURL(link.href);
  } catch (error) {
    tell(error.message || "The receipt could not be fetched. Try again.");
  }
  save.disabled = false;
});

window.addEventListener("hashchange", take);
take();
