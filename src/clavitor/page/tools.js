// Small helpers of the page that know nothing of vaults.

const AUTO_LOCK_MS = 5 * 60 * 1000;
const NOTICE_MS = 5000;
const CLIPBOARD_MS = 30_000;
const SURE_MS = 4000;
const ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789-_.!";
const LENGTH = 20;

// Locks after a time without a sign of life. The moment is kept as a time, since a sleeping machine stops its timers.
export class AutoLock {
  #lock;
  #timer = 0;
  #due = 0;

  constructor(lock) {
    this.#lock = lock;
    for (const sign of ["pointerdown", "keydown", "wheel"]) {
      document.addEventListener(sign, () => this.#timer && (this.#expired() || this.start()), { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", () => this.#timer && this.#expired());
  }

  start() {
    clearTimeout(this.#timer);
    this.#due = Date.now() + AUTO_LOCK_MS;
    this.#timer = setTimeout(() => this.#expired(), AUTO_LOCK_MS);
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  #expired() {
    if (Date.now() < this.#due) return false;
    this.stop();
    this.#lock();
    return true;
  }
}

let noticeTimer = 0;

export function notify(message) {
  const notice = document.getElementById("notice");
  notice.textContent = message;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => notice.replaceChildren(), NOTICE_MS);
}

// Copies a secret and takes it back after a while, where the browser lets us.
export async function copy(secret) {
  try {
    await navigator.clipboard.writeText(secret);
  } catch {
    return "The browser does not let this page copy. Open the entry and copy it there.";
  }
  setTimeout(() => navigator.clipboard.writeText("").catch(() => {}), CLIPBOARD_MS);
  return `Copied. The clipboard is cleared in ${CLIPBOARD_MS / 1000} s.`;
}

export function generatePassword() {
  const password = [];
  while (password.length < LENGTH) {
    const byte = crypto.getRandomValues(new Uint8Array(1))[0];
    // Bytes past the last whole alphabet would favour its first letters.
    if (byte < 256 - (256 % ALPHABET.length)) password.push(ALPHABET[byte % ALPHABET.length]);
  }
  return password.join("");
}

// True on the second press within a few seconds; the first one asks.
export function confirmTwice(button, question) {
  if (button.dataset.asked) return true;
  const label = button.textContent;
  button.dataset.asked = "yes";
  button.textContent = question;
  setTimeout(() => {
    delete button.dataset.asked;
    button.textContent = label;
  }, SURE_MS);
  return false;
}

export function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

export function toCsv(columns, rows) {
  // A cell that starts like a formula would be run by a spreadsheet: the apostrophe makes it text.
  const safe = (value) => (/^[=+@\t\r-]/.test(value) ? `'${value}` : value);
  const cell = (value) => `"${safe(value).replaceAll('"', '""')}"`;
  return [columns, ...rows.map((row) => columns.map((name) => row[name] ?? ""))].map((cells) => cells.map(cell).join(",")).join("\r\n") + "\r\n";
}

/**
 * Leaves for a node's origin; returns its host. An invitation goes along behind the #, which no server sees. No name does:
 * what stands in an address is kept by browsers, and read over shoulders.
 */
export function goTo(url, invitation = "") {
  const target = new URL("/", url);
  if (target.protocol !== "https:") throw new Error("The service names an unsafe address.");
  target.hash = invitation ? `invitation=${encodeURIComponent(invitation)}` : "home";
  location.assign(target);
  return target.host;
}
