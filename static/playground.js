// The playground: an answer appears as it is written; Ctrl Enter sends; the conversation is in the address.
(() => {
  const fragment = (html) => document.createRange().createContextualFragment(html);
  const element = (tag, className, text) => Object.assign(document.createElement(tag), { className, textContent: text ?? "" });

  // What stands in the conversation until the server sends the turn as the page shows it.
  const placeholder = (message) => {
    const turn = [element("div", "message user"), element("div", "message assistant")];
    const words = [message, ""].map((text) => element("p", "plain", text));
    ["You", "Answer"].forEach((speaker, place) => {
      const prose = element("div", "prose");
      prose.append(words[place]);
      turn[place].append(element("p", "speaker", speaker), prose);
    });
    return { turn, answer: words[1] };
  };

  async function* linesOf(body) {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const lines = (rest + value).split("\n");
      rest = lines.pop();
      for (const line of lines) yield JSON.parse(line);
    }
  }

  const refuse = (turns, html) => {
    const part = fragment(html);
    part.firstElementChild.dataset.refused = "";
    turns.append(part);
    turns.lastElementChild.scrollIntoView({ block: "nearest" });
  };

  const unreachable = '<div class="note bad" role="alert"><p>The server cannot be reached. Your message is still below; send it again in a moment.</p></div>';

  const outdated = '<div class="note bad" role="alert"><p>You are signed out, or this page is too old to send from. Copy your message, and <a href="">reload the page</a>.</p></div>';

  // The id of the answer when the turn is there; the typed text is kept otherwise.
  const receive = async (answer, turns, shown) => {
    for await (const line of linesOf(answer.body)) {
      if (line.text) {
        shown.answer.textContent += line.text;
        shown.turn[1].scrollIntoView({ block: "nearest" });
      } else if (line.html) {
        const part = fragment(line.html);
        const added = [...part.children];
        shown.turn[0].before(part);
        shown.turn.forEach((each) => each.remove());
        added.forEach((each) => htmx.process(each));
        history.replaceState(null, "", line.address);
        return line.after;
      } else {
        shown.turn.forEach((each) => each.remove());
        refuse(turns, line.refused);
        return "";
      }
    }
    throw new Error("The answer broke off.");
  };

  const send = async (form) => {
    const [turns, text, button] = [document.getElementById("turns"), form.elements.message, form.querySelector("[type=submit]")];
    const writing = form.querySelector(".writing");
    turns.querySelectorAll("[data-refused]").forEach((each) => each.remove());
    const [typed, body] = [text.value, new FormData(form)];
    const shown = placeholder(typed);
    let after = "";
    // The next message can be written while this one is answered; one that failed comes back.
    text.value = "";
    button.disabled = true;
    writing.hidden = false;
    // Read out once, when it is whole, and not word by word.
    turns.setAttribute("aria-busy", "true");
    turns.append(...shown.turn);
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { "X-Accord-Stream": "1" } });
      if (answer.headers.get("Content-Type")?.startsWith("application/x-ndjson")) {
        after = await receive(answer, turns, shown);
      } else {
        shown.turn.forEach((each) => each.remove());
        refuse(turns, answer.status === 422 ? await answer.text() : outdated);
      }
    } catch {
      shown.turn.forEach((each) => each.remove());
      refuse(turns, unreachable);
    } finally {
      turns.removeAttribute("aria-busy");
      if (after) form.elements.after.value = after;
      else if (!text.value) text.value = typed;
      writing.hidden = true;
      button.disabled = false;
      if (document.activeElement === document.body || form.contains(document.activeElement)) text.focus({ preventScroll: true });
    }
  };

  document.addEventListener("submit", (event) => {
    if (event.target.id !== "say") return;
    event.preventDefault();
    if (!event.target.querySelector("[type=submit]").disabled) send(event.target);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("[data-send-on-enter]")) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });
  // A conversation that is opened again starts at its end.
  document.getElementById("turns")?.lastElementChild?.scrollIntoView({ block: "nearest" });
})();
