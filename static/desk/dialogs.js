// Why an item is skipped, and what is reported to the manager.
import { isFrozen, skip } from "./cards.js";
import { $, announce, card, desk, post, say, wordsOf } from "./store.js";

const asking = $("[data-skip-dialog]");
const reporting = $("[data-report-dialog]");
export const openSkip = () => { asking.returnValue = ""; asking.querySelector("[data-own-words]").value = ""; asking.showModal(); };

export const watchDialogs = () => {
  asking.addEventListener("keydown", (event) => {
    if (event.target.matches("[data-own-words]")) return;
    const choice = asking.querySelector(`[data-choice-key="${CSS.escape(event.key)}"]`);
    if (!choice) return;
    event.preventDefault();
    event.stopPropagation(); // the dialog is closed by then, and the next item would take the key for a verdict
    choice.click();
  });
  asking.addEventListener("submit", (event) => {
    event.preventDefault();
    const reason = event.submitter?.value || asking.querySelector("[data-own-words]").value;
    asking.close();
    skip(reason);
  });
  for (const dialog of [asking, reporting]) {
    dialog.querySelector("[data-cancel]").addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => card().focus({ preventScroll: true }));
  }
  desk.addEventListener("click", (event) => {
    if (event.target.closest("[data-report]") && !isFrozen()) { reporting.querySelector("textarea").value = ""; reporting.querySelector("[data-report-problem]").hidden = true; reporting.showModal(); }
  });
  reporting.querySelector("[data-report-send]").addEventListener("click", async () => {
    const note = reporting.querySelector("textarea").value;
    const problem = reporting.querySelector("[data-report-problem]");
    const fail = (text) => { problem.hidden = false; problem.textContent = text; };
    if (!note.trim()) { fail("Say what is wrong."); return; }
    try {
      const answer = await post(`${card().dataset.base}report/`, { note });
      if (!answer.ok || answer.redirected) { fail(wordsOf(await answer.text()) || "The report was not sent. Sign in again in another tab, then try again."); return; }
    } catch { fail("The server cannot be reached. What you wrote stays here; try again."); return; }
    reporting.close();
    say("Reported to the manager.");
    announce("Reported to the manager.");
  });
};
