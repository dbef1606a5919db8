// Questions with one answer each: the verdict, an axis, a scale. A key answers the question that is next; when all are
// answered the same key again, or Enter, sends.
import { draftSoon, isFrozen, submit } from "./cards.js";
import { announce, card, desk, form, memory, preferences, say } from "./store.js";

const questions = () => [...card().querySelectorAll("fieldset[data-question]")]
  .sort((one, other) => other.hasAttribute("data-main") - one.hasAttribute("data-main")); // the overall verdict first
const chosenIn = (question) => question.querySelector("input[type=radio]:checked, input[data-not-applicable]:checked") ?? [...question.querySelectorAll("input[type=number]")].find((input) => input.value);
const onePress = () => preferences.one_press === "1" || memory.get("accord.onepress") === "1";
export const isAnswered = () => questions().length > 0 && questions().every(chosenIn);

// Where the next key goes: the question that has the focus, else the first without an answer, else the last one.
const current = () => {
  const all = questions();
  const focused = document.activeElement?.closest?.("fieldset[data-question]");
  return focused && !chosenIn(focused) ? focused : all.find((question) => !chosenIn(question)) ?? (all.length === 1 ? all[0] : null);
};

const mark = () => { for (const question of questions()) question.toggleAttribute("data-current", questions().length > 1 && question === current()); };

const chose = (radio, again) => {
  if (isAnswered() && (again || onePress())) { submit(); return; }
  say(radio.dataset.meaning);
  announce(`${radio.dataset.meaning}. ${isAnswered() ? "Press again or Enter to send." : ""}`);
  mark();
  if (!isAnswered()) current()?.scrollIntoView({ block: "nearest" });
  draftSoon();
};

let last = null; // the radio that the last key chose: the same key again sends, when there is nothing left to answer
export const pressKey = (key) => {
  if (isFrozen() || !form()) return false;
  const question = current() ?? (last?.dataset.key === key && last.isConnected ? last.closest("fieldset") : null);
  const radio = question?.querySelector(`input[data-key="${CSS.escape(key)}"]`);
  if (!radio) return false;
  const again = radio.checked;
  radio.checked = true;
  last = radio;
  chose(radio, again);
  return true;
};

// A pointer on the answer that is chosen already sends it, like its key. The radio's own click comes after; arrow keys
// move within a group and click too, and only what a pointer pressed counts as pressing again.
let before;
export const watchQuestions = () => {
  desk.addEventListener("pointerdown", (event) => {
    const label = event.target.closest(".verdict, .step");
    if (label) before = label.closest("fieldset")?.querySelector("input[type=radio]:checked")?.value ?? null;
  });
  desk.addEventListener("click", (event) => {
    const radio = event.target.matches("fieldset[data-question] input[type=radio]") ? event.target : null;
    if (!radio) return;
    if (event.isTrusted && isFrozen()) { event.preventDefault(); return; }
    if (before === undefined) { mark(); return; }
    const again = before === radio.value;
    before = undefined;
    chose(radio, again);
  });
  desk.addEventListener("change", (event) => {
    if (event.target.matches("[data-not-applicable]")) {
      const number = event.target.closest("fieldset").querySelector("input[type=number]");
      number.disabled = event.target.checked;
    }
    if (event.target.closest("[data-question]")) { mark(); draftSoon(); }
  });
};
export const arrive = () => {
  before = undefined;
  last = null;
  mark();
  for (const box of card().querySelectorAll("[data-not-applicable]:checked")) box.closest("fieldset").querySelector("input[type=number]").disabled = true;
};
