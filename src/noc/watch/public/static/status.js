// The page is read again every 30 s. What cannot be read again is old after its own time, by this browser's own clock.
"use strict";

const maxAge = Number(document.body.dataset.maxAge) * 1000;

function age() {
  if (performance.now() < maxAge) return;
  document.body.classList.add("stale");
  document.querySelector(".old").hidden = false;
}

async function again() {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.ok || answer.status === 503) location.reload();
  } catch {
    age();
  }
}

setInterval(age, 1000);
setInterval(again, 30000);
