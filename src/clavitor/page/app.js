// The page: shows a vault, and forgets it when it is locked.

import { exportAll, signOut } from "./api.js";
import { AutoLock, confirmTwice, copy, download, generatePassword, goTo, notify, toCsv } from "./tools.js";
import { Vault } from "./vault.js";

const MIN_PASSWORD = 12;
const $ = (id) => document.getElementById(id);
const FIELDS = ["title", "username", "password", "url", "notes"];

let vault = null;
let edited = null; // the entry in the dialog; null for a new one
const autoLock = new AutoLock(() => lock("Locked: nobody was here for five minutes."));

// --- the door

function showDoor(signingUp) {
  $("unlock").hidden = signingUp;
  $("sign-up").hidden = !signingUp;
  $("door-title").textContent = signingUp ? "Create your vault" : "Unlock your vault";
  $("switch").textContent = signingUp ? "I have a vault already" : "I have an invitation";
  $("door").hidden = false;
  const form = signingUp ? $("sign-up") : $("unlock");
  ([...form.elements].find((field) => field.name && !field.value) ?? form.elements[0]).focus();
}

async function enter(form, open) {
  await submit(form, "Working out your keys…", async (values) => {
    try {
      vault = await open({ ...values, name: values.name.trim().toLowerCase() });
    } catch (error) {
      if (error.status !== 421 || !error.url) throw error;
      const host = goTo(error.url, values.invitation?.trim());
      throw new Error(`This vault is kept at ${host}. You are taken there.`);
    }
    for (const each of document.forms) each.reset();
    history.replaceState(null, "", location.pathname);
    $("door").hidden = true;
    $("vault").hidden = $("actions").hidden = false;
    render();
    autoLock.start();
    // On a phone, focus in a field would bring up the keyboard over the list.
    $(matchMedia("(pointer: fine)").matches ? "search" : "add").focus();
  });
}

async function lock(message = "Locked.") {
  autoLock.stop();
  const open = vault;
  vault = edited = null;
  for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  for (const form of document.forms) form.reset();
  $("search").value = $("account-name").textContent = "";
  $("entries").replaceChildren();
  $("vault").hidden = $("actions").hidden = true;
  showDoor(false);
  notify(message);
  // The keys are gone by now; a session that cannot be ended here ends by itself.
  if (open) await signOut().catch(() => {});
}

// --- the list

function render() {
  const wanted = $("search").value.trim().toLowerCase();
  const all = [...vault.entries.values()].sort((a, b) => titleOf(a).localeCompare(titleOf(b)));
  const shown = all.filter((entry) => searchable(entry).includes(wanted));
  $("entries").replaceChildren(...shown.map(row));
  $("empty").hidden = all.length > 0;
  const entries = (n) => `${n} ${n === 1 ? "entry" : "entries"}`;
  $("count").textContent = all.length === 0 ? "" : wanted ? `${shown.length} of ${entries(all.length)}` : entries(all.length);
}

const titleOf = (entry) => entry.fields?.title ?? "Unreadable entry";
const searchable = ({ fields }) => (fields ? `${fields.title}\n${fields.username}\n${fields.url}` : "").toLowerCase();

function row(entry) {
  const item = $("row").content.firstElementChild.cloneNode(true);
  const fields = entry.fields;
  item.querySelector(".initial").textContent = fields ? ([...fields.title][0] ?? "?").toUpperCase() : "!";
  item.querySelector(".row-title").textContent = titleOf(entry);
  item.querySelector(".row-detail").textContent = fields ? fields.username || hostOf(fields.url) : "It was damaged or exchanged.";
  item.querySelector(".row").addEventListener("click", () => edit(entry));
  const button = item.querySelector(".copy");
  button.hidden = !fields?.password;
  button.setAttribute("aria-label", `Copy password of ${titleOf(entry)}`);
  button.addEventListener("click", async () => notify(await copy(fields.password)));
  return item;
}

function hostOf(url) {
  return URL.canParse(url) ? new URL(url).host : url;
}

// --- one entry

function edit(entry) {
  edited = entry;
  const form = openDialog($("entry"));
  for (const name of FIELDS) form.elements[name].value = entry?.fields?.[name] ?? "";
  reveal(false);
  $("entry-title").textContent = entry ? "Entry" : "New entry";
  $("entry-meta").textContent = entry ? `Changed ${new Date(entry.updated).toLocaleDateString()}` : "";
  $("remove").hidden = !entry;
  form.elements.title.focus();
}

async function save(form) {
  await submit(form, "Saving…", async (values) => {
    const fields = Object.fromEntries(FIELDS.map((name) => [name, name === "password" ? values[name] : values[name].trim()]));
    try {
      await (edited ? vault.change(edited.id, edited.version, fields) : vault.add(fields));
    } catch (error) {
      if (error.status !== 412) throw error;
      edited = await vault.reload(edited.id);
      throw new Error("This entry was changed elsewhere in the meantime. Save again to keep what you see here, or close to see the other version.");
    }
    $("entry").close();
    render();
    notify("Saved.");
  });
}

async function remove(form) {
  if (!confirmTwice($("remove"), "Really delete?")) return;
  await submit(form, "Deleting…", async () => {
    await vault.remove(edited.id, edited.version);
    $("entry").close();
    render();
    notify("Deleted.");
  }, { checked: false });
}

function reveal(shown) {
  $("entry-password").type = shown ? "text" : "password";
  $("reveal").textContent = shown ? "Hide" : "Show";
  $("reveal").setAttribute("aria-pressed", String(shown));
}

// --- export and account

function exportReadable() {
  const readable = [...vault.entries.values()].filter((entry) => entry.fields).map((entry) => entry.fields);
  download(new Blob([toCsv(FIELDS, readable)], { type: "text/csv" }), "clavitor-readable.csv");
}

function openAccount() {
  const form = openDialog($("account"));
  form.elements.name.value = $("account-name").textContent = vault.name;
  form.elements.current.focus();
}

async function changePassword(form) {
  await submit(form, "Working out your keys…", async (values) => {
    checkNew(values, form);
    await vault.changePassword(values.current, values.password);
    $("account").close();
    notify("The password is changed. Other devices were signed out.");
  });
}

async function deleteAccount(form) {
  if (!confirmTwice($("delete-account"), "Really delete everything?")) return;
  await submit(form, "Deleting…", async (values) => {
    await vault.deleteAccount(values.current);
    vault = null;
    await lock("The account and everything in it is deleted.");
  });
}

// --- forms

function openDialog(dialog) {
  const form = dialog.querySelector("form");
  form.reset();
  showError(form, "");
  dialog.showModal();
  return form;
}

function showError(form, message, field) {
  for (const each of form.elements) each.removeAttribute("aria-invalid");
  form.querySelector(".error").textContent = message;
  field?.setAttribute("aria-invalid", "true");
  field?.focus();
}

class FieldError extends Error {
  constructor(field, message) {
    super(message);
    this.field = field;
  }
}

function checkNew({ password, again }, form) {
  if (password.length < MIN_PASSWORD) throw new FieldError(form.elements.password, `The password needs ${MIN_PASSWORD} characters or more.`);
  if (password !== again) throw new FieldError(form.elements.again, "The two passwords differ.");
}

// Runs what a form asks for, once at a time, and shows what went wrong beside it.
async function submit(form, busy, work, { checked = true } = {}) {
  const invalid = checked && [...form.elements].find((field) => !field.checkValidity());
  if (invalid) return showError(form, `${invalid.labels[0].firstChild.textContent.trim()}: ${invalid.validationMessage}`, invalid);
  showError(form, "");
  const button = form.querySelector("button.primary");
  const label = button.textContent;
  const buttons = [...form.querySelectorAll("button")];
  for (const each of buttons) each.disabled = true;
  button.textContent = busy;
  try {
    await work(Object.fromEntries(new FormData(form)));
  } catch (error) {
    if (vault && error.status === 401 && form !== $("account").querySelector("form")) return await lock("The session has ended. Unlock again.");
    showError(form, error.message || "The vault could not be opened.", error.field);
  } finally {
    for (const each of buttons) each.disabled = false;
    button.textContent = label;
  }
}

function onSubmit(form, handle) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    handle(form);
  });
}

function start() {
  $("node").textContent = location.hostname;
  onSubmit($("unlock"), (form) => enter(form, ({ name, password }) => Vault.unlock(name, password)));
  onSubmit($("sign-up"), (form) => enter(form, (values) => {
    checkNew(values, form);
    return Vault.signUp(values.invitation.trim(), values.name, values.password);
  }));
  onSubmit($("entry").querySelector("form"), save);
  onSubmit($("account").querySelector("form"), changePassword);
  onSubmit($("export").querySelector("form"), () => {});
  $("switch").addEventListener("click", () => showDoor($("sign-up").hidden));
  $("lock").addEventListener("click", () => lock());
  $("add").addEventListener("click", () => edit(null));
  $("search").addEventListener("input", render);
  $("remove").addEventListener("click", () => remove($("entry").querySelector("form")));
  $("reveal").addEventListener("click", () => reveal($("entry-password").type === "password"));
  $("generate").addEventListener("click", () => {
    $("entry-password").value = generatePassword();
    reveal(true);
  });
  $("open-export").addEventListener("click", () => openDialog($("export")));
  $("export-encrypted").addEventListener("click", () =>
    submit($("export").querySelector("form"), "Downloading…", async () => download(await exportAll(), "clavitor-export.json")));
  $("export-readable").addEventListener("click", exportReadable);
  $("open-account").addEventListener("click", openAccount);
  $("delete-account").addEventListener("click", () => deleteAccount($("account").querySelector("form")));
  for (const button of document.querySelectorAll(".close")) button.addEventListener("click", () => button.closest("dialog").close());
  for (const dialog of document.querySelectorAll("dialog")) dialog.addEventListener("close", () => dialog.querySelector("form").reset());
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || !vault || document.querySelector("dialog[open]") || event.target.matches("input, textarea")) return;
    event.preventDefault();
    $("search").focus();
  });
  // A page kept for the back button would keep the clear text too.
  window.addEventListener("pagehide", () => vault && lock());
  const brought = new URLSearchParams(location.hash.slice(1));
  const invitation = brought.get("invitation");
  if (invitation) $("sign-up").elements.invitation.value = invitation;
  showDoor(Boolean(invitation));
  if (brought.has("home")) {
    history.replaceState(null, "", location.pathname);
    notify("Your vault is kept here. Keep this address: it takes you straight to it.");
  }
}

start();
