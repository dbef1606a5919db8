// The playground: Ctrl Enter sends; the newest turn comes into view.
(() => {
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches("[data-send-on-enter]")) {
      event.preventDefault();
      event.target.form.requestSubmit();
    }
  });
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.target.id !== "turns") return;
    event.target.lastElementChild?.scrollIntoView({ block: "nearest" });
    document.querySelector("#say textarea")?.focus({ preventScroll: true });
  });
})();
