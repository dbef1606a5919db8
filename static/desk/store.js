// Small things that every part of the desk needs.
export const desk = document.querySelector("[data-desk]");
export const $ = (selector) => desk.querySelector(selector);
export const announce = (text) => window.accord?.announce(text);

// This browser's own memory; in a private window there is none, and everything works without it.
export const memory = {
  get(key) { try { return localStorage.getItem(key); } catch { return null; } },
  set(key, value) { try { if (value === null) localStorage.removeItem(key); else localStorage.setItem(key, value); } catch { /* private window */ } },
  keys(prefix) { try { return Object.keys(localStorage).filter((key) => key.startsWith(prefix)); } catch { return []; } },
};

export const uuid = () => crypto.randomUUID?.() ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) =>
  (c ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> c / 4).toString(16)); // plain http has no randomUUID

// Signing in again in another tab changes the token: the cookie has the one that counts.
const csrf = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";

export const post = (url, fields = {}) => {
  const body = new URLSearchParams(fields);
  return fetch(url, {
    // It outlives the page; browsers take no more than 64 kB of that.
    method: "POST", keepalive: body.toString().length < 60_000, credentials: "same-origin",
    headers: { "X-CSRFToken": csrf(), "HX-Request": "true" }, body,
  });
};

export const card = () => document.getElementById("card");
export const form = () => document.getElementById("judgement-form");

export const say = (text, bad = false) => {
  const status = $("[data-status]");
  if (status) { status.textContent = text; status.classList.toggle("bad-word", bad); }
};

// A card out of an answer of the server; null when it is something else (the sign-in page, a proxy's words).
export const readCard = (text) => {
  const found = new DOMParser().parseFromString(text, "text/html").getElementById("card");
  return found ? document.importNode(found, true) : null;
};

export const wordsOf = (text) => new DOMParser().parseFromString(text, "text/html").querySelector(".note p")?.textContent ?? "";

export const preferences = JSON.parse(desk.dataset.preferences || "{}");
export const prefer = (changes) => {
  Object.assign(preferences, changes);
  const fields = { ...changes };
  if (fields.keys) fields.keys = JSON.stringify(fields.keys);
  return post(desk.dataset.preferencesUrl, fields).catch(() => say("Your settings are not saved: the server cannot be reached.", true));
};
