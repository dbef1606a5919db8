// The card on the screen and two in reserve behind it. Those in reserve have leases of their own, so that the next item
// is there in the same frame in which a verdict is sent, and a second one when the server is away; they are given back
// when they are not used.
import { activeMs, startItem } from "./attention.js";
import { flush, isEmpty, isUnsent, send, unsentItems, whenEmpty } from "./outbox.js";
import { $, announce, card, desk, form, post, preferences, readCard, say, uuid } from "./store.js";

const KEPT = 2;
const FRESH_MS = 45_000; // the server may give one in reserve to somebody else when it lies untouched for a minute
let reserves = []; // elements, not in the page, the next one first
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
  drop(element);
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
const drop = (element) => { reserves = reserves.filter((each) => itemOf(each) !== itemOf(element)); };
const giveBack = (element) => { post(`${element.dataset.base}release/`).catch(() => { /* its lease runs out */ }); };

const fill = (...elements) => { reserves = elements; for (const each of reserves.splice(KEPT)) giveBack(each); };

const keep = (element) => {
  if (!itemOf(element) || [...reserves, card()].some((each) => itemOf(each) === itemOf(element)) || isUnsent(itemOf(element))) return;
  element.touched = performance.now();
  fill(...reserves, element);
};
// What is on the screen comes next again, as it is.
const setAside = () => {
  const shown = card();
  if (!itemOf(shown) || isUnsent(itemOf(shown))) return;
  shown.touched = performance.now();
  drop(shown);
  fill(shown, ...reserves);
};

// The next one, out of reserve. The one behind it has no heartbeat, so that it goes to whoever has nothing else to
// judge: as it moves up it asks whether it is still ours.
const takeNext = () => {
  const next = reserves.shift() ?? null;
  const [after] = reserves;
  if (after && performance.now() - after.touched > FRESH_MS) touch(after);
  return next;
};

// What is in hand, as the server is to know it: the next one is another.
const inHand = (sending = "") => {
  const items = new Set([...reserves.map(itemOf), ...unsentItems()]);
  for (const item of [itemOf(card()), sending]) items.delete(item);
  return [["showing", itemOf(card())], ["reserve", "1"], ...[...items].map((item) => ["beside", item])];
};

export const prefetch = () => {
  if (reserves.length >= KEPT || asked || !form() || card().hasAttribute("data-preview")) return asked;
  asked = post(desk.dataset.nextUrl, inHand())
    .then(async (answer) => {
      const found = answer.ok && !answer.redirected ? readCard(await answer.text()) : null;
      asked = null;
      keep(found);
      // One more; also when this one is on the screen by now.
      if (itemOf(found) && isEmpty()) prefetch();
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
  const before = takeNext();
  if (before) show(before, { said: "Sending…" });
  else form().inert = true;
  const { card: next, refused, words } = await send(url, body, { item: itemOf(left), asking: before ? inHand : null });
  if (refused) { bringBack(left, next, words); return; }
  const told = next?.dataset.said || said;
  if (before) { keep(next); say(told); if (!itemOf(next ?? card()) && next) card().dataset.today = next.dataset.today; }
  else if (card() !== left) keep(next); // a refusal of an earlier one came back meanwhile
  else if (next) show(next);
  // Where the server has just said that there is no more, it need not be asked again.
  if (isEmpty() && (!next || itemOf(next))) prefetch();
};

// The server did not take it: its card comes back with the reason, and what was on the screen waits behind it.
const bringBack = (left, refusal, words) => {
  if (!refusal) { say(words || "That did not work. Reload the page.", true); if (form()) form().inert = false; if (!reserves.length && card() === left) refresh(); return; }
  if (card() !== left) setAside();
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
    setAside();
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

const touch = async (shown) => {
  try {
    const answer = await post(`${shown.dataset.base}heartbeat/`);
    if (answer.redirected) { signedOut(); return false; }
    shown.touched = performance.now();
    if (answer.status !== 409) return true;
    if (reserves.includes(shown)) { drop(shown); prefetch(); }
    else if (shown === card() && !isFrozen()) say("This item is no longer kept for you. Send your verdict all the same: it is kept.", true);
  } catch { /* the next beat tries again; sending has its own way */ }
  return true;
};
const beat = async () => {
  lastBeat = performance.now();
  if (document.visibilityState !== "visible" || !form() || card().hasAttribute("data-preview")) return;
  // Of those in reserve the next one alone: see takeNext.
  for (const shown of [card(), reserves[0]].filter(Boolean)) if (!await touch(shown)) return;
};

export const start = () => {
  welcome();
  setInterval(() => { if (performance.now() - lastBeat >= Number(card()?.dataset.heartbeatSeconds || 60) * 1000) beat(); }, 5000);
  // An empty desk looks for items by itself; a tab that nobody looks at must not take one from those who work.
  setInterval(() => { if (!form() && document.visibilityState === "visible" && isEmpty()) refresh(); }, 4000);
  document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") beat(); else if (draftTimer) saveDraft(); });
  addEventListener("pagehide", () => { for (const each of reserves.splice(0)) giveBack(each); });
  $("[data-finish]")?.addEventListener("click", () => { if (draftTimer) saveDraft(); for (const each of [...reserves.splice(0), form() && card()].filter(Boolean)) giveBack(each); });
  prefetch();
};
