// Flags on a passage of an answer. The page shows rendered text; a flag counts characters of the text as it was
// written, so what is selected is found again in it, letter after letter.
import { draftSoon, isFrozen } from "./cards.js";
import { announce, card, desk, form, say } from "./store.js";

let selected = null; // { answer, text, before }: what was selected last, and the shown text in front of it
const marked = () => JSON.parse(form()?.elements.marked?.value || "[]");

const remember = () => {
  const selection = getSelection();
  const button = card()?.querySelector("[data-mark]");
  if (!button || selection.isCollapsed || !selection.rangeCount) return;
  const range = selection.getRangeAt(0);
  const prose = (range.commonAncestorContainer.nodeType === 1 ? range.commonAncestorContainer : range.commonAncestorContainer.parentElement).closest?.("[data-answer] .prose");
  if (!prose || !range.toString().trim()) return;
  const front = document.createRange();
  front.setStart(prose, 0);
  front.setEnd(range.startContainer, range.startOffset);
  selected = { answer: prose.closest("[data-answer]").dataset.answer, text: range.toString(), before: front.toString() };
  button.disabled = false;
};

// What the page shows of a letter that nobody would see: as make_visible does on the server.
const NAMES = ["LRE", "RLE", "PDF", "LRO", "RLO"];
const shownAs = (letter) => {
  const code = letter.codePointAt(0);
  if (code >= 0x202a && code <= 0x202e) return `⟦${NAMES[code - 0x202a]}⟧`;
  if (code >= 0x80 && code < 0xa0) return `⟦U+00${code.toString(16).toUpperCase()}⟧`;
  if (code === 0x7f) return "\u2421";
  return code < 32 && !"\t\n\r".includes(letter) ? String.fromCodePoint(0x2400 + code) : letter;
};

// The place of the selection in the written text: the shown letters are a subsequence of the written ones.
export const locate = (written, before, text) => {
  const solid = (value) => [...value].filter((letter) => letter.trim());
  const letters = []; // each with where it is written, and how long that is
  let index = 0;
  for (const letter of written) { for (const seen of solid(shownAs(letter))) letters.push([seen, index, letter.length]); index += letter.length; }
  let at = 0;
  const follow = (shown) => { let first = -1, last = -1; for (const letter of shown) { while (at < letters.length && letters[at][0] !== letter) at++; if (at >= letters.length) return null; if (first < 0) first = at; last = at++; } return [first, last]; };
  if (solid(before).length && !follow(solid(before))) return null;
  const found = follow(solid(text));
  if (!found) return null;
  const [first, last] = found;
  // Python counts characters, not UTF-16 units.
  const points = (end) => [...written.slice(0, end)].length;
  const stop = letters[last][1] + letters[last][2];
  return [points(letters[first][1]), points(stop)];
};

const draw = () => {
  const list = card()?.querySelector("[data-mark-list]");
  if (!list) return;
  const options = new Map([...card().querySelectorAll("[data-mark-flag] option")].map((option) => [option.value, option.textContent]));
  list.replaceChildren(...marked().map((flag, index) => {
    const row = document.createElement("li");
    const where = `${flag.answer ? `Answer ${flag.answer.toUpperCase()}` : ""}${flag.start === undefined ? "" : `, characters ${flag.start + 1} to ${flag.end}`}`;
    const off = document.createElement("button");
    off.type = "button";
    off.className = "small";
    off.textContent = "Take off";
    off.addEventListener("click", () => { set(marked().filter((_, each) => each !== index)); });
    row.append(`${options.get(flag.name) ?? flag.name}: ${where} `, off);
    return row;
  }));
};
const set = (flags) => { form().elements.marked.value = JSON.stringify(flags); draw(); draftSoon(); };

const add = async () => {
  if (!selected || isFrozen()) return;
  let texts;
  try { const answer = await fetch(`${card().dataset.base}texts/`); texts = (await answer.json()).texts; } catch { say("The passage cannot be flagged: the server cannot be reached.", true); return; }
  const place = locate(texts["abcdefghi".indexOf(selected.answer)] ?? "", selected.before, selected.text);
  if (!place) { say("This passage cannot be found in the answer. Select a shorter one.", true); return; }
  const [start, end] = place;
  set([...marked(), { name: card().querySelector("[data-mark-flag]").value, answer: selected.answer, start, end }]);
  announce("The passage is flagged.");
};

export const arrive = () => { selected = null; draw(); };
export const watchMarks = () => {
  document.addEventListener("selectionchange", remember);
  desk.addEventListener("click", (event) => { if (event.target.closest("[data-mark]")) add(); });
};
