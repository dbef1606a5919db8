// What was sent and is not yet on the server. An entry stays in this browser until the server has answered for it, is
// sent in the order of sending, and carries a client_id: sent twice it is stored once. "Saved" is said of what the
// server has, and of nothing else.
import { $, desk, form, memory, post, readCard, say, uuid, wordsOf } from "./store.js";

const PREFIX = `accord.unsent.${desk.dataset.person}.`; // what another person on this computer left is not ours to send
const FIRST_WAIT_MS = 2000;
const waiting = []; // of this page, oldest first: { key, url, body, item, asking, settle }
let wait = FIRST_WAIT_MS;
let timer = 0;
let busy = false;
let emptied = [];

const box = (text) => { const note = $("[data-unsent]"); note.hidden = !text; note.textContent = text || ""; };
export const isEmpty = () => waiting.length === 0;
export const whenEmpty = () => isEmpty() ? Promise.resolve() : new Promise((done) => emptied.push(done));

export const unsentItems = () => waiting.map((entry) => entry.item);
export const isUnsent = (item) => unsentItems().includes(item);

// Send a form about an item: the promise answers { card, refused } when the server has answered for it, however late.
// `asking(item)` are the fields that say, when it is really sent, what card the answer is to bring.
export const send = (url, body, { item, asking }) => new Promise((settle) => {
  const key = PREFIX + (body.get("client_id") || uuid());
  memory.set(key, JSON.stringify({ url, body: body.toString(), at: Date.now() }));
  waiting.push({ key, url, body, item, asking, settle });
  flush();
});

const keepTrying = (why) => {
  const many = waiting.length > 1 ? `${waiting.length} verdicts are` : "Your verdict is";
  const then = why.includes("Sign in") ? "sent as soon as you have" : "sent again by itself. You need not do anything";
  const stuck = form()?.inert ? " No further item is in reserve: the next one comes when the server answers." : "";
  box(`Not sent yet: ${why} ${many} kept in this browser and ${then}.${stuck}`);
  say(waiting.length > 1 ? `${waiting.length} not sent yet` : "Not sent yet", true);
  clearTimeout(timer);
  timer = setTimeout(flush, wait);
  wait = Math.min(wait * 2, 30_000);
};

export async function flush() {
  if (busy || !waiting.length) return;
  busy = true;
  clearTimeout(timer);
  while (waiting.length) {
    const entry = waiting[0];
    let answer, text;
    const fields = [...entry.body, ...(entry.asking?.(entry.item) ?? [])];
    try { answer = await post(entry.url, fields); text = await answer.text(); } catch { keepTrying("the server cannot be reached."); break; }
    const card = readCard(text);
    const words = wordsOf(text);
    if (answer.redirected || /<form[^>]+action="[^"]*sign-in/.test(text)) { keepTrying("you are signed out. Sign in in another tab."); break; }
    if (answer.status === 403 && !card && !words) { keepTrying("this page is too old to send from. Sign in again in another tab."); break; }
    // Not theirs to send, and not refused for good: it waits for the person who gave it.
    const now = /<body[^>]* data-signed-in="(\d+)"/.exec(text)?.[1];
    if (answer.status === 404 && now && now !== desk.dataset.person) { keepTrying("somebody else is signed in in this browser. Sign in as yourself in another tab."); break; }
    if (answer.status >= 500 || (!card && answer.status !== 403 && answer.status !== 404 && answer.status !== 409)) { keepTrying(words && answer.status < 500 ? words : "the server has a problem."); break; }
    waiting.shift();
    memory.set(entry.key, null);
    wait = FIRST_WAIT_MS;
    box("");
    entry.settle({ card, refused: !answer.ok, words });
  }
  busy = false;
  if (!waiting.length) { for (const done of emptied.splice(0)) done(); }
}

// What a page that was closed too early left behind: sent once, before anything else.
export const sendLeftovers = async () => {
  let sent = 0;
  for (const key of memory.keys(PREFIX).filter((each) => !waiting.some((entry) => entry.key === each))) {
    let entry, answer, text;
    try { entry = JSON.parse(memory.get(key)); } catch { memory.set(key, null); continue; }
    try { answer = await post(entry.url, new URLSearchParams(entry.body)); text = await answer.text(); } catch { return sent; }
    if (answer.redirected || answer.status >= 500 || (answer.status === 403 && !wordsOf(text))) return sent;
    memory.set(key, null);
    if (answer.ok) { sent += 1; say("A verdict from before was sent."); }
    else box(`A verdict that you gave before could not be stored: ${wordsOf(text) || "the item is closed."}`);
  }
  return sent;
};

addEventListener("online", () => { wait = FIRST_WAIT_MS; flush(); });
// Another tab may have signed in again: the cookie is shared.
document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") flush(); });
