// Correction: the diff as one types, how much was changed, and back to the answer as it was.
import { draftSoon, isFrozen } from "./cards.js";
import { diff, words } from "./diff.js";
import { announce, card, desk } from "./store.js";

const MAX_SHOWN = 60; // characters of a kept passage; the middle of a longer one is left out
const part = () => card().querySelector("[data-correction]");
let timer = 0;

const shorten = (text, first, last) => {
  if (text.length <= 2 * MAX_SHOWN) return text;
  if (first) return `… ${text.slice(-MAX_SHOWN)}`;
  return last ? `${text.slice(0, MAX_SHOWN)} …` : `${text.slice(0, MAX_SHOWN)} … ${text.slice(-MAX_SHOWN)}`;
};

const draw = () => {
  const original = part().querySelector("[data-original]").value;
  const edited = part().querySelector("[name=text]").value;
  const parts = diff(original, edited);
  const count = (kind) => parts.filter(([each]) => each === kind).reduce((sum, [, text]) => sum + words(text).filter((word) => word.trim()).length, 0);
  const [out, put] = [count("-"), count("+")];
  part().querySelector("[data-edit-count]").textContent = out + put ? `${out} word${out === 1 ? "" : "s"} out, ${put} in` : "unchanged";
  const box = part().querySelector("[data-diff]");
  box.hidden = !(out + put) && original === edited;
  box.replaceChildren(...parts.map(([kind, text], index) => {
    const element = document.createElement(kind === "-" ? "del" : kind === "+" ? "ins" : "span");
    element.textContent = kind === " " ? shorten(text, index === 0, index === parts.length - 1) : text;
    return element;
  }));
};

// What is typed or pasted is written out as the server writes out what the answer brings (hidden.py beside the kind).
const HIDDEN = /[\u202a-\u202e\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/;
const NAMES = ["LRE", "RLE", "PDF", "LRO", "RLO"];
const writeOut = (field) => {
  const [before, after] = part().querySelector("[name=brackets]").value;
  if (!before) return;
  for (let at; (at = field.value.search(HIDDEN)) >= 0;) {
    const code = field.value.charCodeAt(at);
    const name = NAMES[code - 0x202a] ?? `U+00${code.toString(16).toUpperCase().padStart(2, "0")}`;
    field.setRangeText(`${before}${name}${after}`, at, at + 1, "preserve");
    part().querySelector("[data-hidden-note]").hidden = false;
  }
};

export const arrive = () => { if (part()) draw(); };
export const watchCorrection = () => {
  desk.addEventListener("input", (event) => {
    if (!event.target.matches("[data-correction] [name=text]")) return;
    if (HIDDEN.test(event.target.value)) writeOut(event.target);
    draftSoon();
    clearTimeout(timer);
    timer = setTimeout(() => { if (part()) draw(); }, 120);
  });
  desk.addEventListener("click", (event) => {
    if (!event.target.closest("[data-reset]") || isFrozen()) return;
    part().querySelector("[name=text]").value = part().querySelector("[data-original]").value;
    draw();
    draftSoon();
    announce("The answer is as it was.");
  });
};
