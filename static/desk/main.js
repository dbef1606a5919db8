// The annotator's desk. The page works without these files; with them there are keys, drafts, a heartbeat, the next
// item before one asks for it, and verdicts that outlive a lost connection.
import { watchAttention } from "./attention.js";
import { draftSoon, isFrozen, onArrival, refresh, start, submit, undo } from "./cards.js";
import * as correction from "./correction.js";
import { openSkip, watchDialogs } from "./dialogs.js";
import * as keys from "./keys.js";
import * as marks from "./marks.js";
import { sendLeftovers } from "./outbox.js";
import * as questions from "./questions.js";
import * as ranking from "./ranking.js";
import { $, card, desk, form, memory, prefer } from "./store.js";

for (const part of [questions, ranking, correction, marks, keys]) onArrival(part.arrive);
watchAttention();
questions.watchQuestions();
ranking.watchRanking();
correction.watchCorrection();
marks.watchMarks();
watchDialogs();
keys.watchKeys();

desk.addEventListener("submit", (event) => {
  if (event.target.closest("dialog")) return;
  event.preventDefault();
  const button = event.submitter;
  if (button?.matches("[data-undo]")) undo();
  else if (button?.matches("[data-skip]")) { if (!isFrozen()) openSkip(); }
  else if (event.target === form()) submit();
});
desk.addEventListener("input", (event) => { if (event.target.matches("#reason, input[name=flags], input[type=number]")) draftSoon(); });
desk.addEventListener("click", (event) => {
  if (!event.target.closest("[data-uncover], [data-uncover-all]")) return;
  if (event.target.closest("[data-uncover-all]")) prefer({ warnings: "0" });
  card().querySelector("[data-covered]").hidden = false;
  card().querySelector("[data-cover]").remove();
  card().focus({ preventScroll: true });
});

const guidelines = $("[data-guidelines]");
if (guidelines) {
  // Open until the person closes them, where they stand beside the item: a newcomer should not have to find them.
  const key = `accord.guidelines.${desk.dataset.person}.${desk.dataset.project}`;
  guidelines.open = (memory.get(key) ?? (matchMedia("(min-width: 75rem)").matches ? "open" : "closed")) === "open";
  guidelines.addEventListener("toggle", () => {
    desk.classList.toggle("with-guidelines", guidelines.open);
    memory.set(key, guidelines.open ? "open" : "closed");
  });
  desk.classList.toggle("with-guidelines", guidelines.open);
}

start();
sendLeftovers().then((sent) => { if (sent) refresh(); });
