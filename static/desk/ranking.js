// Ranking: the answers are named one after the other, the best first. Nothing is ordered until the person orders it.
import { draftSoon, isFrozen } from "./cards.js";
import { announce, card, desk, say } from "./store.js";

const board = () => card().querySelector("[data-ranking]");
const places = () => [...board().querySelectorAll("[data-place]")];
const labelOf = (select) => select.closest("[data-answer]").dataset.answer;
let equal = false; // the next one shares the place of the last

const order = () => {
  const groups = new Map();
  for (const select of places()) if (select.value) groups.set(Number(select.value), [...(groups.get(Number(select.value)) ?? []), labelOf(select)]);
  return [...groups.entries()].sort((one, other) => one[0] - other[0]);
};

const draw = () => {
  const list = card().querySelector("[data-order-list]");
  list.replaceChildren(...order().map(([, labels]) => {
    const row = document.createElement("li");
    row.textContent = labels.map((label) => label.toUpperCase()).join(" = ");
    return row;
  }));
  for (const button of card().querySelectorAll("[data-rank]")) button.disabled = Boolean(selectOf(button.dataset.rank).value);
  const tie = card().querySelector("[data-rank-equal]");
  if (tie) { tie.setAttribute("aria-pressed", String(equal)); tie.disabled = !order().length; }
  card().querySelector("[data-rank-back]").disabled = !order().length;
  for (const select of places()) select.closest("[data-answer]").classList.toggle("placed", Boolean(select.value));
};
const selectOf = (label) => board().querySelector(`[data-answer="${label}"] [data-place]`);
const stack = []; // the labels in the order in which they were named

const name = (label) => {
  const select = selectOf(label);
  if (!select || select.value || isFrozen()) return false;
  const filled = order();
  const place = filled.length ? filled.at(-1)[0] + (equal ? 0 : 1) : 1;
  select.value = String(place);
  stack.push(label);
  equal = false;
  const told = `${label.toUpperCase()} is at place ${place}.`;
  const left = places().filter((each) => !each.value).length;
  say(told);
  announce(left ? told : `${told} Enter sends.`);
  draw();
  draftSoon();
  return true;
};
const takeOff = () => {
  const filled = order();
  const label = stack.pop() ?? filled.at(-1)?.[1].at(-1);
  if (!label || isFrozen()) return;
  selectOf(label).value = "";
  equal = false;
  say(`${label.toUpperCase()} has no place any more.`);
  draw();
  draftSoon();
};
const tie = () => { if (order().length && board().dataset.ties === "1") { equal = !equal; draw(); announce(equal ? "The next one is equal to the last." : "The next one comes after the last."); } };

export const pressKey = (key) => {
  if (!board()) return false;
  if (/^[1-9]$/.test(key)) return name("abcdefghi"[Number(key) - 1]);
  if (key === "=" || key === "0") { tie(); return true; }
  if (key === "backspace") { takeOff(); return true; }
  return false;
};
export const isAnswered = () => Boolean(board()) && places().every((select) => select.value);
export const arrive = () => { stack.length = 0; equal = false; if (board()) draw(); };
export const watchRanking = () => {
  desk.addEventListener("click", (event) => {
    const button = event.target.closest("[data-rank], [data-rank-equal], [data-rank-back]");
    if (!button || !board()) return;
    if (button.matches("[data-rank]")) name(button.dataset.rank); else if (button.matches("[data-rank-back]")) takeOff(); else tie();
  });
  desk.addEventListener("change", (event) => { if (event.target.matches("[data-place]")) { stack.length = 0; draw(); draftSoon(); } });
};
