// Keys: what is printed on the buttons, and four that a person may choose. None fires while somebody types.
import { isFrozen, submit, undo } from "./cards.js";
import * as questions from "./questions.js";
import * as ranking from "./ranking.js";
import { openSkip } from "./dialogs.js";
import { $, card, desk, form, memory, prefer, preferences, say } from "./store.js";

const dialog = $("[data-keys]");
const inputs = () => [...dialog.querySelectorAll("[data-key-for]")];
const typing = (element) => element.closest?.("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");
let keys = {};

const readKeys = () => {
  keys = {};
  for (const input of inputs()) {
    const action = input.dataset.keyFor;
    input.value = preferences.keys?.[action] ?? input.dataset.default;
    keys[input.value] = action;
  }
  print();
};
const print = () => { for (const [key, action] of Object.entries(keys)) for (const shown of desk.querySelectorAll(`[data-key-of="${action}"]`)) shown.textContent = key.toUpperCase(); };

const actions = {
  skip: () => { if (!isFrozen()) openSkip(); },
  undo: () => undo(),
  reason: () => { const remark = card().querySelector("[data-remark]"); if (remark) { remark.open = true; (card().querySelector("#reason") ?? remark.querySelector("input, button"))?.focus(); } },
  guidelines: () => { const guidelines = $("[data-guidelines]"); if (guidelines) guidelines.open = !guidelines.open; },
};

const isAnswered = () => questions.isAnswered() || ranking.isAnswered();

const press = (event) => {
  if (event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && event.ctrlKey && form()) { event.preventDefault(); submit(); return; }
  if (event.ctrlKey) return;
  if (event.key === "Escape" && typing(event.target)) { event.target.blur(); card().focus(); return; }
  if (typing(event.target)) return;
  // On some keyboards the digits need Shift: the place of the key counts as well as its sign.
  const place = event.shiftKey ? null : /^Digit(\d)$/.exec(event.code);
  let key = place ? place[1] : event.key.toLowerCase();
  if (key === "x") key = "0";
  const cover = card().querySelector("[data-cover]");
  if (cover && card().querySelector("[data-covered]").hidden && key !== "?" && keys[key] !== "skip" && keys[key] !== "undo") return;
  if (key === "enter") {
    if (!isAnswered() || event.target.closest?.("a, button, summary, label")) return;
    submit();
  } else if (key === "?") dialog.showModal();
  else if (!questions.pressKey(key) && !ranking.pressKey(key)) {
    if (!keys[key]) return;
    actions[keys[key]]();
  }
  event.preventDefault();
};

const save = () => {
  const chosen = Object.fromEntries(inputs().map((input) => [input.dataset.keyFor, input.value.toLowerCase()]));
  const values = Object.values(chosen);
  const problem = values.some((key) => !/^\p{L}$/u.test(key)) ? "A key is one letter: digits choose the answers."
    : values.some((key) => "xn".includes(key)) ? "X and N choose answers: take another letter."
    : new Set(values).size < values.length ? "Two actions have the same key: give each its own." : "";
  const note = dialog.querySelector("[data-key-problem]");
  note.hidden = !problem;
  note.textContent = problem;
  if (problem) return;
  prefer({ keys: chosen });
  readKeys();
};

export const watchKeys = () => {
  document.addEventListener("keydown", press);
  const open = $("[data-show-keys]");
  open.hidden = false;
  open.addEventListener("click", () => dialog.showModal());
  dialog.querySelector("[data-close]").addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => { readKeys(); card().focus({ preventScroll: true }); });
  for (const input of inputs()) {
    input.addEventListener("focus", () => input.select());
    input.addEventListener("change", save);
  }
  dialog.querySelector("[data-reset-keys]").addEventListener("click", () => { for (const input of inputs()) input.value = input.dataset.default; save(); });
  const onePress = dialog.querySelector("[data-one-press]");
  onePress.checked = preferences.one_press === "1";
  onePress.addEventListener("change", () => prefer({ one_press: onePress.checked ? "1" : "0" }));
  const layout = dialog.querySelector("[data-layout]");
  layout.value = preferences.layout || "auto";
  layout.addEventListener("change", () => {
    for (const name of ["auto", "side", "stacked"]) desk.classList.toggle(`layout-${name}`, layout.value === name);
    prefer({ layout: layout.value });
  });
  const warnings = dialog.querySelector("[data-warnings]");
  warnings.checked = preferences.warnings !== "0";
  warnings.addEventListener("change", () => prefer({ warnings: warnings.checked ? "1" : "0" }));
  const pause = dialog.querySelector("[data-pause-minutes]");
  pause.value = preferences.pause_minutes ?? 50;
  pause.addEventListener("change", () => { if (pause.reportValidity()) prefer({ pause_minutes: pause.value }); });
  readKeys();
};
export const arrive = print;
