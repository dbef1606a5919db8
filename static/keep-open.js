// A part of a page that is fetched again and again keeps open what a reader opened in it.
(() => {
  let open = [];
  const parts = (element) => [...element.querySelectorAll("details")];
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target?.matches?.("[data-keep-open]")) open = parts(event.detail.target).map((each) => each.open);
  });
  document.addEventListener("htmx:afterSwap", () => {
    const target = document.querySelector("[data-keep-open]");
    if (target) parts(target).forEach((each, place) => { if (open[place]) each.open = true; });
  });
})();
