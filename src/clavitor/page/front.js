// The front door, at the domain itself: finds the node of a name and goes there, and shows which nodes are near.

import { nodes, where } from "./api.js";
import { race } from "./race.js";
import { goTo } from "./tools.js";

const $ = (id) => document.getElementById(id);
const invitation = new URLSearchParams(location.hash.slice(1)).get("invitation") ?? "";

async function find(form) {
  const field = form.elements.name;
  if (!field.checkValidity()) return showError(form, `Name: ${field.validationMessage}`, field);
  await busy(form, "Finding your vault…", async () => {
    goTo((await where(field.value.trim().toLowerCase())).url, invitation);
  });
}

async function measure(form) {
  await busy(form, "Measuring…", async () => {
    const known = await nodes();
    const raced = await race(known);
    const groups = new Map(known.nodes.map((node) => [node.name, node.groups.join(", ")]));
    $("near").replaceChildren(...raced.map((run) => row(run, groups.get(run.name))));
    const measured = raced.filter((run) => Number.isFinite(run.ms));
    $("report").value = measured.map((run) => `${run.name}=${run.ms.toFixed(1)}`).join(" ");
    $("measured").hidden = false;
  });
}

function row(run, groups) {
  const item = $("node").content.firstElementChild.cloneNode(true);
  item.querySelector(".node-name").textContent = run.name;
  item.querySelector(".node-groups").textContent = groups;
  item.querySelector(".node-ms").textContent = Number.isFinite(run.ms) ? `${Math.round(run.ms)} ms` : "no answer";
  return item;
}

function showError(form, message, field) {
  for (const each of form.elements) each.removeAttribute("aria-invalid");
  form.querySelector(".error").textContent = message;
  field?.setAttribute("aria-invalid", "true");
  field?.focus();
}

async function busy(form, label, work) {
  showError(form, "");
  const button = form.querySelector("button");
  const idle = button.textContent;
  button.disabled = true;
  button.textContent = label;
  try {
    await work();
  } catch (error) {
    showError(form, error.message);
  } finally {
    button.disabled = false;
    button.textContent = idle;
  }
}

function onSubmit(form, handle) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    handle(form);
  });
}

onSubmit($("find"), find);
onSubmit($("measure"), measure);
if (invitation) {
  $("title").textContent = "Create your vault";
  $("lead").textContent = "Say first which name you were invited with: your vault has its place on one of our nodes, and you are taken there.";
}
$("find").elements.name.focus();
