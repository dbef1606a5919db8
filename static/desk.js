// The annotator's desk. The page works without this file; with it there are keys, drafts, a heartbeat,
// and verdicts that outlive a lost connection: an unsent one is kept in this browser under its client_id,
// and sending it twice stores it once.
(() => {
  const desk = document.querySelector("[data-desk]");
  if (!desk) return;
  const $ = (selector) => desk.querySelector(selector);
  const announce = (text) => window.accord?.announce(text);
  const store = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, value) { try { if (value === null) localStorage.removeItem(key); else localStorage.setItem(key, value); } catch { /* private window */ } },
  };
  const IDLE_MS = 60_000; // reading without touching anything counts for so long
  const UNSENT = `accord.unsent.${desk.dataset.person}.`; // verdicts of another person on this computer are not ours to send
  const ONE_PRESS = `accord.onepress.${desk.dataset.person}`;
  const GUIDELINES = `accord.guidelines.${desk.dataset.person}.${desk.dataset.project}`;

  const card = () => document.getElementById("card");
  const form = () => document.getElementById("verdict-form");
  const chosen = () => form()?.querySelector("input[name=verdict]:checked");
  const onePress = () => store.get(ONE_PRESS) === "1";
  const uuid = () => crypto.randomUUID?.() ?? "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (c) =>
    (c ^ crypto.getRandomValues(new Uint8Array(1))[0] & 15 >> c / 4).toString(16)); // plain http has no randomUUID
  const csrf = () => document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1] ?? form()?.elements.csrfmiddlewaretoken?.value ?? "";
  const post = (url, fields) => fetch(url, {
    method: "POST", keepalive: true, headers: { "X-CSRFToken": csrf(), "HX-Request": "true" }, body: new URLSearchParams(fields),
  });
  const say = (text, bad = false) => {
    const status = $("[data-status]");
    if (status) { status.textContent = text; status.classList.toggle("bad-word", bad); }
  };

  // --- Verdicts kept in this browser until the server has them -------------------------------------------------
  const kept = () => {
    const found = [];
    try {
      for (let i = 0; i < localStorage.length; i++) {
        const key = localStorage.key(i);
        if (key.startsWith(UNSENT)) found.push({ key, ...JSON.parse(localStorage.getItem(key)) });
      }
    } catch { /* private window: the form on the page is what is kept */ }
    return found.sort((a, b) => a.at - b.at);
  };
  const showUnsent = (text) => {
    const box = $("[data-unsent]");
    box.hidden = !text;
    box.textContent = text || "";
  };

  let sending = null; // the client_id under way or waiting for the server
  let retryTimer = 0;
  let retryAfter = 2000;
  const retry = () => {
    clearTimeout(retryTimer);
    if (sending && form()?.elements.client_id.value === sending) form().requestSubmit();
  };
  const keepTrying = (why) => {
    showUnsent(`Not sent yet: ${why} Your verdict is kept in this browser and sent again by itself. You need not do anything.`);
    say("Not sent yet", true);
    clearTimeout(retryTimer);
    retryTimer = setTimeout(retry, retryAfter);
    retryAfter = Math.min(retryAfter * 2, 30_000);
  };
  const settled = () => {
    if (sending) store.set(UNSENT + sending, null);
    sending = null;
    retryAfter = 2000;
    clearTimeout(retryTimer);
    showUnsent("");
  };

  // What a page that was closed too early left behind.
  const sendKept = async () => {
    for (const entry of kept()) {
      if (entry.key === UNSENT + sending) continue;
      let answer;
      try { answer = await post(entry.url, new URLSearchParams(entry.body)); } catch { return; }
      if (answer.redirected || answer.status >= 500) return;
      if (answer.ok || answer.status === 409 || answer.status === 422) {
        const text = await answer.text();
        store.set(entry.key, null);
        if (answer.ok) say("A verdict from before was sent.");
        else showUnsent(`A verdict that you gave before could not be stored: ${new DOMParser().parseFromString(text, "text/html").querySelector(".note.bad p")?.textContent ?? "the item is closed."}`);
        if (entry.url === form()?.getAttribute("action")) window.htmx.ajax("GET", desk.dataset.url, { target: "#card", swap: "outerHTML" });
      }
    }
  };

  // --- Active time: the page is visible and the person was here within the last minute --------------------------
  let lastInput = Date.now();
  let lastTick = Date.now();
  let activeMs = 0;
  for (const kind of ["keydown", "pointerdown", "pointermove", "wheel", "scroll", "touchmove"]) {
    addEventListener(kind, () => { lastInput = Date.now(); }, { passive: true, capture: true });
  }
  const tick = () => {
    const now = Date.now();
    // A laptop that slept makes one long tick: it was not work.
    if (document.visibilityState === "visible" && now - lastInput < IDLE_MS) activeMs += Math.min(now - lastTick, 2000);
    lastTick = now;
  };
  setInterval(tick, 1000);

  // --- Draft and heartbeat ----------------------------------------------------------------------------------------
  let draftTimer = 0;
  const fieldsOf = (element) => { tick(); element.elements.active_ms.value = Math.round(activeMs); return new FormData(element); };
  const saveDraft = async () => {
    clearTimeout(draftTimer);
    draftTimer = 0;
    const address = card()?.dataset.draft;
    if (!form() || !address || sending) return;
    const fields = fieldsOf(form());
    fields.delete("client_id");
    try {
      const answer = await post(address, fields);
      if (card()?.dataset.draft !== address || sending) return;
      if (answer.redirected) say("You are signed out. Sign in in another tab; what you chose stays here.", true);
      else if (answer.ok) say("Draft saved");
      else say("Draft not saved", true);
    } catch { say("Draft not saved: the server cannot be reached", true); }
  };
  const draftSoon = () => { clearTimeout(draftTimer); draftTimer = setTimeout(saveDraft, 700); };

  let lastBeat = Date.now();
  const beat = async () => {
    const address = card()?.dataset.heartbeat;
    if (!address || document.visibilityState !== "visible" || sending) return;
    lastBeat = Date.now();
    try {
      const answer = await post(address, {});
      if (card()?.dataset.heartbeat !== address) return;
      if (answer.redirected) say("You are signed out. Sign in in another tab; what you chose stays here.", true);
      else if (answer.status === 409) say("Your time for this item ran out. Send your verdict all the same: it is kept.", true);
    } catch { /* the next beat tries again; sending has its own way */ }
  };
  setInterval(() => { if (Date.now() - lastBeat >= Number(card()?.dataset.heartbeatSeconds || 60) * 1000) beat(); }, 5000);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") { lastInput = Date.now(); beat(); } else if (draftTimer) saveDraft();
  });

  // --- Choosing and sending ---------------------------------------------------------------------------------------
  const frozen = () => sending !== null;
  const send = () => { if (form() && !frozen()) form().requestSubmit(); };
  const choose = (radio) => {
    if (frozen()) return;
    const again = radio.checked;
    radio.checked = true;
    if (again || onePress()) { send(); return; }
    say(radio.dataset.meaning);
    announce(`${radio.dataset.meaning}. Press again or Enter to send.`);
    draftSoon();
  };
  // A pointer on the verdict that is chosen already sends it, like its key. The radio's own click comes after.
  let before = null;
  desk.addEventListener("pointerdown", (event) => { if (event.target.closest(".verdict")) before = chosen()?.value ?? null; });
  desk.addEventListener("click", (event) => {
    const radio = event.target.matches("input[name=verdict]") ? event.target : null;
    if (radio && event.isTrusted && frozen()) { event.preventDefault(); return; }
    // Arrow keys move within the radio group and click too; only what a pointer pressed counts as pressing again.
    if (!radio || before === undefined) return;
    const again = before === radio.value;
    before = undefined;
    if (again || onePress()) send(); else { say(radio.dataset.meaning); draftSoon(); }
  });
  desk.addEventListener("input", (event) => { if (event.target.matches("textarea, input[name=flags]")) draftSoon(); });
  desk.addEventListener("change", (event) => { if (event.target.matches("input[name=verdict]")) draftSoon(); });

  const typing = (element) => element.closest?.("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if ($("[data-keys]").open) return;
    if (event.key === "Escape" && event.target.matches?.("#reason")) { event.target.blur(); card().focus(); return; }
    if (typing(event.target)) return;
    // On some keyboards the digits need Shift: the place of the key counts as well as its sign.
    const place = event.shiftKey ? null : /^Digit(\d)$/.exec(event.code);
    const key = place ? place[1] : event.key.toLowerCase();
    const radio = /^[0-9x]$/.test(key) && form()?.querySelector(`input[data-key="${key === "x" ? "0" : key}"]`);
    if (radio) choose(radio);
    else if (key === "enter" && chosen() && !event.target.closest?.("a, button, summary, label")) send();
    else if (key === "s") { if (!frozen()) $("[data-skip]")?.click(); }
    else if (key === "u") { if (!frozen()) $("[data-undo]")?.click(); }
    else if (key === "g" && $("[data-guidelines]")) $("[data-guidelines]").open = !$("[data-guidelines]").open;
    else if (key === "r" && $(".reason")) { $(".reason").open = true; $("#reason").focus(); }
    else if (key === "?") $("[data-keys]").showModal();
    else return;
    event.preventDefault();
  });

  // --- htmx carries the form; what it could not carry stays ---------------------------------------------------------
  const isVerdict = (event) => event.detail.elt === form();
  desk.addEventListener("htmx:configRequest", (event) => {
    const { parameters, headers, elt } = event.detail;
    // Signing in again in another tab changes the token: the cookie has the one that counts.
    headers["X-CSRFToken"] = csrf();
    if ("csrfmiddlewaretoken" in parameters) parameters.csrfmiddlewaretoken = csrf();
    if (elt !== form()) return;
    if (!frozen()) { tick(); parameters.active_ms = form().elements.active_ms.value = String(Math.round(activeMs)); }
  });
  // A tab that nobody looks at must not take an item from those who work.
  desk.addEventListener("htmx:confirm", async (event) => {
    const { elt } = event.detail;
    if (elt.matches("[data-poll]") && document.visibilityState !== "visible") event.preventDefault();
    else if (elt.matches("[data-undo]") && draftTimer) {
      event.preventDefault();
      await saveDraft();
      event.detail.issueRequest();
    }
  });
  desk.addEventListener("htmx:beforeRequest", (event) => {
    if (!isVerdict(event) && !event.detail.elt.matches("[data-skip]")) return;
    clearTimeout(draftTimer);
    draftTimer = 0;
    if (!isVerdict(event)) return;
    sending = form().elements.client_id.value;
    const body = new URLSearchParams(new FormData(form()));
    body.delete("csrfmiddlewaretoken");
    store.set(UNSENT + sending, JSON.stringify({ url: form().getAttribute("action"), body: body.toString(), at: Date.now() }));
    // What was sent may have arrived though the answer did not: from here on it is this verdict or none.
    form().inert = true;
  });
  desk.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, requestConfig } = event.detail;
    if (event.detail.target?.id !== "card") return;
    // The sign-in page, or somebody's proxy, is no card: keep what is here.
    if (!xhr.responseText.includes('id="card"')) {
      event.detail.shouldSwap = false;
      if (requestConfig.elt.matches("[data-poll]")) return;
      const words = xhr.status < 500 && new DOMParser().parseFromString(xhr.responseText, "text/html").querySelector(".note p")?.textContent;
      if (requestConfig.elt !== form()) say(xhr.status >= 400 && words ? words : "That did not work. Reload the page.", true);
      else if (/\/sign-in\//.test(xhr.responseURL)) keepTrying("you are signed out. Sign in in another tab.");
      else if (xhr.status === 403 && !words) keepTrying("this page is too old to send from. Sign in again in another tab.");
      else keepTrying(words || "the server has a problem.");
    } else if (requestConfig.elt.matches("[data-poll]")) {
      // Only an item is worth changing the page for.
      event.detail.shouldSwap = xhr.responseText.includes("data-item=");
    } else if (requestConfig.elt === form()) settled();
  });
  const unreachable = (event) => {
    if (isVerdict(event)) keepTrying("the server cannot be reached.");
    else if (event.detail.elt.matches("[data-undo], [data-skip]")) say("The server cannot be reached. Nothing was changed; try again.", true);
  };
  desk.addEventListener("htmx:sendError", unreachable);
  desk.addEventListener("htmx:timeout", unreachable);
  addEventListener("online", () => { retryAfter = 2000; retry(); sendKept(); });

  // --- A card arrives -------------------------------------------------------------------------------------------------
  const welcome = () => {
    before = undefined;
    activeMs = Number(form()?.elements.active_ms.value) || 0;
    lastTick = lastInput = Date.now();
    lastBeat = Date.now();
    if (form()) form().elements.client_id.value = uuid();
    for (const element of desk.querySelectorAll("[data-with-script]")) element.hidden = false;
  };
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id !== "card" || !card() || card().dataset.welcomed) return;
    card().dataset.welcomed = "1";
    welcome();
    card().classList.add("arrives");
    card().focus({ preventScroll: true });
    announce([card().dataset.said, form() ? "Next item." : ""].join(" ").trim());
  });

  const guidelines = $("[data-guidelines]");
  if (guidelines) {
    // Open until the person closes them, where they stand beside the item: a newcomer should not have to find them.
    guidelines.open = (store.get(GUIDELINES) ?? (matchMedia("(min-width: 75rem)").matches ? "open" : "closed")) === "open";
    guidelines.addEventListener("toggle", () => {
      desk.classList.toggle("with-guidelines", guidelines.open);
      store.set(GUIDELINES, guidelines.open ? "open" : "closed");
    });
    desk.classList.toggle("with-guidelines", guidelines.open);
  }
  const keys = $("[data-show-keys]");
  keys.hidden = false;
  keys.addEventListener("click", () => $("[data-keys]").showModal());
  const toggle = $("[data-one-press]");
  toggle.checked = onePress();
  toggle.addEventListener("change", () => store.set(ONE_PRESS, toggle.checked ? "1" : null));
  welcome();
  sendKept();
})();
