// Keeps a page alive: swaps in what the server renders anew, lets ages grow, says when nothing arrives any more, and
// listens to the keyboard. Every page works without it.
"use strict";

const STALE_AFTER_MS = 15000;
const SEARCH_AFTER_MS = 250;
const root = document.documentElement;
const filter = document.getElementById("filter");
const help = document.getElementById("help");
let heard = Date.now();
let ahead = Number(root.dataset.now) - Date.now();
let stream = null;

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
  for (const time of document.querySelectorAll("time[data-until]")) {
    const words = span(Number(time.dataset.until) - now);
    if (time.textContent !== words) time.textContent = words;
  }
  const silence = Date.now() - heard;
  const stamp = document.getElementById("stamp");
  if (!stamp) return;
  const stale = silence > STALE_AFTER_MS;
  document.body.classList.toggle("stale", stale);
  const words = stale ? `! no data for ${span(silence)}, as of` : "data as of";
  const word = stamp.querySelector(".word");
  if (word.textContent !== words) word.textContent = words;
}

function swap(element, html, outer) {
  const held = document.activeElement && document.activeElement.id;
  const opened = [...element.querySelectorAll("details[open]")].map((part) => part.id);
  const scrolled = [...element.querySelectorAll(".scroll")].map((part) => [part.id, part.scrollTop]);
  if (outer) element.outerHTML = html;
  else element.innerHTML = html;
  for (const id of opened) {
    const part = document.getElementById(id);
    if (part) part.open = true;
  }
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
  for (const [name, html] of Object.entries(message.parts)) {
    const part = document.getElementById(name);
    if (part) swap(part, html, false);
  }
  for (const [name, html] of Object.entries(message.rows)) {
    const row = document.getElementById(name);
    if (row) swap(row, html, true);
  }
  if (message.title) document.title = message.title;
  const clock = document.querySelector("#stamp time");
  if (clock) clock.textContent = message.clock;
  narrow();
  tick();
}

// A page that nobody sees asks for nothing: browsers allow few connections to one host.
function listen() {
  if (stream) stream.close();
  stream = null;
  if (document.hidden || !root.dataset.stream) return;
  stream = new EventSource(root.dataset.stream);
  stream.onmessage = (event) => take(JSON.parse(event.data));
}

function rows() {
  return [...document.querySelectorAll("#nodes tbody tr, #list tbody tr[id]")].filter((row) => !row.hidden);
}

function move(step) {
  const shown = rows();
  const place = shown.indexOf(document.activeElement);
  const next = shown[Math.min(shown.length - 1, Math.max(0, place + step))];
  if (next) next.focus();
}

function open() {
  const link = document.activeElement.matches("tr") && document.activeElement.querySelector("a.opens");
  if (link) link.click();
}

function narrow() {
  if (!filter || filter.form) return;
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const row of document.querySelectorAll("#nodes tbody tr")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
    count += row.hidden ? 0 : 1;
  }
  const found = words.length ? `${count} shown` : "";
  const matches = document.getElementById("matches");
  if (matches.textContent !== found) matches.textContent = found;
}

// In a large fleet the server searches: what it finds takes the place of the nodes, and is followed from then on.
let searches = 0;

async function search() {
  const words = filter.value.trim();
  const address = words ? `/?${new URLSearchParams({ q: words })}` : "/";
  const number = ++searches;
  const answer = await fetch(address).catch(() => null);
  if (!answer || !answer.ok) return;
  const found = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (number !== searches || !found.getElementById("found")) return;
  for (const name of ["found", "nodes", "older", "regions"]) {
    swap(document.getElementById(name), found.getElementById(name).innerHTML, false);
  }
  history.replaceState(null, "", address);
  root.dataset.stream = found.documentElement.dataset.stream;
  listen();
}

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Enter: open,
  "/": () => filter && filter.focus(),
  "?": () => help.showModal(),
  n: () => location.assign("/"),
  i: () => location.assign("/incidents"),
  a: () => location.assign("/#approvals"),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || (help && help.open)) return;
  const inField = event.target.matches("input, textarea, select");
  if (inField && event.key === "Escape") event.target.blur();
  const isArrow = event.key.startsWith("Arrow");
  const act = KEYS[event.key];
  if (inField || !act || (isArrow && rows().length === 0)) return;
  if (event.key === "Enter" && !event.target.matches("tr")) return;
  if (event.key !== "Enter") event.preventDefault();
  act();
});

if (filter && !filter.form) {
  filter.closest(".filter").hidden = false;
  filter.addEventListener("input", narrow);
}
if (filter && filter.form && filter.form.matches(".search")) {
  let due = 0;
  filter.addEventListener("input", () => {
    clearTimeout(due);
    due = setTimeout(search, SEARCH_AFTER_MS);
  });
}
const ask = document.getElementById("ask");
if (ask) {
  ask.hidden = false;
  ask.addEventListener("click", () => help.showModal());
}
document.addEventListener("visibilitychange", listen);
listen();
setInterval(tick, 1000);
