// Keeps the page alive: swaps in what the server renders anew, lets ages grow, and says when nothing arrives any more.
"use strict";

const STALE_AFTER_MS = 15000;
let heard = Date.now();
let ahead = Number(document.documentElement.dataset.now) - Date.now();

function span(ms) {
  let seconds = Math.max(0, Math.round(ms / 1000));
  const parts = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]].map(([unit, size]) => {
    const count = Math.floor(seconds / size);
    seconds -= count * size;
    return [count, unit];
  });
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([count]) => count).map((part) => part.join(" ")).join(" ");
}

function tick() {
  const now = Date.now() + ahead;
  for (const time of document.querySelectorAll("time[data-age]")) {
    const words = span(now - Number(time.dataset.age));
    if (time.textContent !== words) time.textContent = words;
  }
  const silence = Date.now() - heard;
  const stamp = document.getElementById("stamp");
  if (!stamp) return;
  const stale = silence > STALE_AFTER_MS;
  document.body.classList.toggle("stale", stale);
  stamp.querySelector(".word").textContent = stale ? `! no data for ${span(silence)}, as of` : "data as of";
}

function swap(element, html, outer) {
  const held = document.activeElement && document.activeElement.id;
  const scrolled = [...element.querySelectorAll(".scroll")].map((part) => [part.id, part.scrollTop]);
  if (outer) element.outerHTML = html;
  else element.innerHTML = html;
  for (const [id, top] of scrolled) {
    const part = document.getElementById(id);
    if (part) part.scrollTop = top;
  }
  const again = held && document.getElementById(held);
  if (again && again !== document.activeElement) again.focus({ preventScroll: true });
}

function take(message) {
  heard = Date.now();
  ahead = message.now - heard;
  for (const [name, html] of Object.entries(message.parts)) swap(document.getElementById(name), html, false);
  for (const [name, html] of Object.entries(message.rows)) {
    const row = document.getElementById(`node-${name}`);
    if (row) swap(row, html, true);
  }
  if (message.title) document.title = message.title;
  const clock = document.querySelector("#stamp time");
  if (clock) clock.textContent = message.clock;
  tick();
}

function move(step) {
  const rows = [...document.querySelectorAll("#nodes tbody tr")];
  const place = rows.indexOf(document.activeElement);
  const next = rows[Math.min(rows.length - 1, Math.max(0, place + step))];
  if (next) next.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { j: 1, k: -1 }[event.key];
  if (step) move(step);
});

const stream = new EventSource("events");
stream.onmessage = (event) => take(JSON.parse(event.data));
setInterval(tick, 1000);
