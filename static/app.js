// What every page needs: copy buttons, forms that are sent once, a word when the server cannot be reached.
(() => {
  const announce = (text) => {
    const region = document.getElementById("announcer");
    if (region) { region.textContent = ""; requestAnimationFrame(() => { region.textContent = text; }); }
  };
  window.accord = { announce };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
      button.textContent = "Copied";
    } catch {
      // Without https the clipboard is closed to pages: select it, and let the person copy.
      getSelection().selectAllChildren(source);
      button.textContent = "Selected: press Ctrl C";
    }
    announce(button.textContent);
  });

  // A plain form is sent once, however often its button is pressed. htmx forms look after themselves.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches("[hx-post], [data-resend], [method=get]") || event.defaultPrevented) return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    for (const button of form.querySelectorAll("button[type=submit], button:not([type])")) button.setAttribute("aria-disabled", "true");
  });
  addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[aria-disabled]")) button.removeAttribute("aria-disabled");
    }
  });

  // A choice that applies at once; its form has a button for when there is no script.
  document.addEventListener("change", (event) => {
    if (event.target.matches?.("[data-autosubmit]")) event.target.form.requestSubmit();
  });
  for (const element of document.querySelectorAll("[data-without-script]")) element.hidden = true;

  // A whole page where a part was asked for is the sign-in page, or a refusal of an old form: say so, keep what is here.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    if (!event.detail.shouldSwap || target === document.body || !/^\s*<!doctype/i.test(xhr.responseText)) return;
    event.detail.shouldSwap = false;
    const note = document.createElement("p");
    note.className = "note warn";
    const link = document.createElement("a");
    link.href = location.href;
    link.textContent = "Reload the page";
    note.append(/\/sign-in\//.test(xhr.responseURL) ? "You are signed out. " : "This page is too old to go on with. ", link, ".");
    document.getElementById("messages").replaceChildren(note);
  });

  // A chart that is wider than its place begins with what is newest.
  const showNewest = (part) => { for (const canvas of part.querySelectorAll(".chart .canvas")) canvas.scrollLeft = canvas.scrollWidth; };
  showNewest(document);
  document.addEventListener("htmx:afterSettle", (event) => showNewest(event.target));

  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

  // What a page asks for by itself may fail in silence; then its figures are old, and the page says so until one comes.
  const say = (text) => {
    let note = document.getElementById("unreachable");
    if (!note) {
      note = document.createElement("p");
      note.id = "unreachable";
      note.className = "note warn";
      document.getElementById("messages")?.append(note);
    }
    if (note.textContent !== text) note.textContent = text;
  };
  const unreachable = (event) => {
    if (event.detail.requestConfig?.verb === "get") say("The server cannot be reached. What stands here may be old; it is tried again by itself.");
    else announce("The server cannot be reached. Nothing was changed; try again in a moment.");
  };
  document.addEventListener("htmx:sendError", unreachable);
  document.addEventListener("htmx:timeout", unreachable);
  document.addEventListener("htmx:responseError", (event) => { if (event.detail.xhr.status >= 502) unreachable(event); });
  document.addEventListener("htmx:afterRequest", (event) => { if (event.detail.successful) document.getElementById("unreachable")?.remove(); });
})();
