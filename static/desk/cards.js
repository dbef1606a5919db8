// The card on the screen and the one in reserve behind it. The one in reserve has a lease of its own, so that the
// next item is there in the same frame in which a verdict is sent; it is given back when it is not used.
import { activeMs, startItem } from "./attention.js";
import { flush, isEmpty, send, whenEmpty } from "./outbox.js";
import { $, announce, card, desk, form, post, preferences, readCard, say, uuid } from "./store.js";

let reserve = null; // an element, not in the page
let asked = null; // the promise of the one under way
let draftTimer = 0;
let lastBeat = performance.now();
let judged = 0;
let judgedMs = 0;
const arrivals = []; // called with every card that comes onto the screen
export const onArrival = (hook) => arrivals.push(hook);

const itemOf = (element) => element?.dataset.item ?? "";
export const isFrozen = () => !form() || form().inert;

// --- On the screen ------------------------------------------------------------------------------------------------
const welcome = () => {
  startItem(Number(form()?.elements.active_ms?.value) || 0);
  lastBeat = performance.now();
  if (form()) form().elements.client_id.value = uuid();
  for (const element of desk.querySelectorAll("[data-with-script]")) element.hidden = false;
  const head = $("[data-question-head]");
  if (head) head.textContent = card().dataset.questionText || "Judge";
  if (form() && card().querySelector("[data-cover]") && preferences.warnings !== "0") {
    card().querySelector("[data-covered]").hidden = true;
  } else card().querySelector("[data-cover]")?.remove();
  for (const hook of arrivals) hook(card());
  const waits = card().querySelector(".waiting");
  if (waits) window.htmx?.process(waits);
};

export const show = (element, { said = "" } = {}) => {
  clearTimeout(draftTimer);
  draftTimer = 0;
  // The answer to a verdict may bring the very item that came into reserve while it was under way.
  if (itemOf(reserve) === itemOf(element)) reserve = null;
  card().replaceWith(element);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) element.classList.add("arrives");
  scrollTo({ top: 0, behavior: "instant" });
  if (said) { element.dataset.said = said; say(said); }
  welcome();
  element.focus({ preventScroll: true });
  announce([element.dataset.said, form() ? "Next item." : card().querySelector("h2")?.textContent].filter(Boolean).join(" "));
  $("[data-pace]").textContent = judged ? `${judged} judged in this sitting, ${Math.round(judgedMs / judged / 1000)} s each` : "";
};

// --- In reserve -----------------------------------------------------------------------------------------------------
const keep = (element) => {
  if (!element || !itemOf(element) || itemOf(element) === itemOf(card())) return;
  if (reserve && itemOf(reserve) !== itemOf(element)) giveBack(reserve);
  reserve = element;
};
const giveBack = (element) => { post(`${element.dataset.base}release/`).catch(() => { /* its lease runs out */ }); };

export const prefetch = () => {
  if (reserve || asked || !form() || card().hasAttribute("data-preview")) return asked;
  asked = post(desk.dataset.nextUrl, { showing: itemOf(card()), reserve: "1" })
    .then(async (answer) => {
      const found = answer.ok && !answer.redirected ? readCard(await answer.text()) : null;
      asked = null;
      keep(found);
      // It is on the screen by now: the one after it is still to come.
      if (itemOf(found) && itemOf(found) === itemOf(card()) && isEmpty()) prefetch();
    })
    .catch(() => { asked = null; /* the answer to the verdict brings it */ });
  return asked;
};

// --- Sending --------------------------------------------------------------------------------------------------------
const fieldsOf = (element) => {
  element.elements.active_ms.value = String(activeMs());
  const fields = new URLSearchParams(new FormData(element));
  // The page's own token is too old once somebody has signed in again, and counts before the one that `post` sends.
  fields.delete("csrfmiddlewaretoken");
  return fields;
};

const leave = async (url, body, said) => {
  const left = card();
  const before = reserve;
  reserve = null;
  if (before) {
    body.set("showing", itemOf(before));
    body.set("reserve", "1");
    show(before, { said: "Sending…" });
  } else form().inert = true;
  const { card: next, refused, words } = await send(url, body);
  if (refused) { bringBack(left, next, words); return; }
  const told = next?.dataset.said || said;
  if (before) { keep(next); say(told); if (!itemOf(next ?? card()) && next) card().dataset.today = next.dataset.today; }
  else if (next) show(next);
  if (isEmpty()) prefetch();
};

// The server did not take it: its card comes back with the reason, and what was on the screen waits behind it.
const bringBack = (left, refusal, words) => {
  if (!refusal) { say(words || "That did not work. Reload the page.", true); if (form()) form().inert = false; if (!reserve && card() === left) refresh(); return; }
  if (card() !== left && itemOf(card())) { if (reserve) giveBack(reserve); reserve = card(); }
  show(refusal);
  say(refusal.querySelector("[data-refused] p")?.textContent ?? "", true);
};

export const submit = () => {
  if (isFrozen() || card().hasAttribute("data-preview")) return;
  if (!form().reportValidity()) return;
  const body = fieldsOf(form());
  judged += 1;
  judgedMs += activeMs();
  leave(form().getAttribute("action"), body, "Stored.");
};

export const skip = (reason) => {
  if (isFrozen()) return;
  const body = new URLSearchParams({ skip_reason: reason });
  leave(`${card().dataset.base}skip/`, body, "Skipped.");
};

export const undo = async () => {
  if (form()?.inert) return;
  if (draftTimer) await saveDraft();
  await Promise.race([whenEmpty(), new Promise((done) => setTimeout(done, 1500))]);
  if (!isEmpty()) { flush(); say("Your last verdict is not sent yet. Undo it when the server is back.", true); return; }
  let answer, text;
  try { answer = await post(desk.dataset.undoUrl); text = await answer.text(); } catch { say("The server cannot be reached. Nothing was changed; try again.", true); return; }
  const again = readCard(text);
  if (!answer.ok || !again) { say(new DOMParser().parseFromString(text, "text/html").querySelector(".note p, main p")?.textContent || "That did not work. Reload the page.", true); return; }
  if (itemOf(again) && itemOf(again) !== itemOf(card()) && itemOf(card())) {
    // What was on the screen comes next again, as it was.
    if (reserve) giveBack(reserve);
    reserve = card();
    judged = Math.max(0, judged - 1);
  }
  show(again);
};

export const refresh = async () => {
  try {
    const answer = await post(desk.dataset.nextUrl);
    const found = answer.ok && !answer.redirected ? readCard(await answer.text()) : null;
    if (found && itemOf(found) !== itemOf(card())) show(found);
    return found;
  } catch { return null; }
};

// --- Draft and heartbeat ----------------------------------------------------------------------------------------------
const signedOut = () => say("You are signed out. Sign in in another tab; what you chose stays here.", true);

export const saveDraft = async () => {
  clearTimeout(draftTimer);
  draftTimer = 0;
  const shown = card();
  if (isFrozen() || !shown.dataset.base || shown.hasAttribute("data-preview")) return;
  const fields = fieldsOf(form());
  fields.delete("client_id");
  try {
    const answer = await post(`${shown.dataset.base}draft/`, fields);
    if (card() !== shown || isFrozen()) return;
    if (answer.redirected) signedOut();
    else if (answer.ok) say("Draft saved");
    else say(answer.status === 422 ? `Draft not saved. ${await answer.text()}` : "Draft not saved", true);
  } catch { if (card() === shown) say("Draft not saved: the server cannot be reached", true); }
};
export const draftSoon = () => { clearTimeout(draftTimer); draftTimer = setTimeout(saveDraft, 700); };

const beat = async () => {
  lastBeat = performance.now();
  if (document.visibilityState !== "visible" || !form() || card().hasAttribute("data-preview")) return;
  for (const shown of [card(), reserve].filter(Boolean)) {
    try {
      const answer = await post(`${shown.dataset.base}heartbeat/`);
      if (answer.redirected) { signedOut(); return; }
      if (answer.status !== 409) continue;
      if (shown === reserve) reserve = null;
      else if (shown === card() && !isFrozen()) say("This item is no longer kept for you. Send your verdict all the same: it is kept.", true);
    } catch { /* the next beat tries again; sending has its own way */ }
  }
};

export const start = () => {
  welcome();
  setInterval(() => { if (performance.now() - lastBeat >= Number(card()?.dataset.heartbeatSeconds || 60) * 1000) beat(); }, 5000);
  // An empty desk looks for items by itself; a tab that nobody looks at must not take one from those who work.
  setInterval(() => { if (!form() && document.visibilityState === "visible" && isEmpty()) refresh(); }, 4000);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") beat(); else if (draftTimer) saveDraft(); });
  addEventListener("pagehide", () => { if (reserve) giveBack(reserve); });
  $("[data-finish]")?.addEventListener("click", () => { if (draftTimer) saveDraft(); for (const each of [reserve, form() && card()].filter(Boolean)) giveBack(each); reserve = null; });
  prefetch();
};
