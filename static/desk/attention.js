// Active time: the page is visible, and the person was here within the last minute. Not wall clock: a lunch is no
// work, nor is a laptop that slept; and a clock that is wrong or jumps does not matter, for it is not asked.
import { $, preferences } from "./store.js";

const IDLE_MS = 60_000; // reading without touching anything counts for so long
const PAUSE_MINUTES = 50;
let lastInput = performance.now();
let lastTick = performance.now();
let itemMs = 0;
let sinceBreakMs = 0;

export const tick = () => {
  const now = performance.now();
  const passed = Math.min(now - lastTick, 2000);
  if (document.visibilityState === "visible" && now - lastInput < IDLE_MS) { itemMs += passed; sinceBreakMs += passed; }
  // A break of five minutes is one.
  else if (now - lastInput > 300_000) sinceBreakMs = 0;
  lastTick = now;
};
export const activeMs = () => { tick(); return Math.round(itemMs); };
export const startItem = (already = 0) => { tick(); itemMs = already; lastInput = performance.now(); };

const remind = () => {
  const minutes = Number(preferences.pause_minutes ?? PAUSE_MINUTES);
  if (!minutes || sinceBreakMs < minutes * 60_000) return;
  $("[data-pause-text]").textContent = `You have worked for ${minutes} minutes. A short pause helps to judge well.`;
  $("[data-pause]").hidden = false;
  sinceBreakMs = 0;
};

export const watchAttention = () => {
  for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "scroll", "touchmove"]) {
    addEventListener(kind, () => { lastInput = performance.now(); }, { passive: true, capture: true });
  }
  document.addEventListener("visibilitychange", () => { tick(); if (document.visibilityState === "visible") lastInput = performance.now(); });
  setInterval(() => { tick(); remind(); }, 1000);
  $("[data-pause-close]").addEventListener("click", () => { $("[data-pause]").hidden = true; });
};
