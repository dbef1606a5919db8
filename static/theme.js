// Light, dark, or as the system says: set before the first paint, so that the page does not flash.
(() => {
  const root = document.documentElement;
  const read = () => { try { return localStorage.getItem("accord.theme") || "system"; } catch { return "system"; } };
  const write = (theme) => { try { localStorage.setItem("accord.theme", theme); } catch { /* a private window keeps it for this page */ } };
  const show = (theme) => { if (theme === "system") delete root.dataset.theme; else root.dataset.theme = theme; };
  const next = { system: "light", light: "dark", dark: "system" };
  const words = { system: "as the system", light: "light", dark: "dark" };
  let theme = read();
  show(theme);

  document.addEventListener("DOMContentLoaded", () => {
    const button = document.querySelector("[data-theme-toggle]");
    if (!button) return;
    const label = () => {
      button.setAttribute("aria-label", `Colours: ${words[theme]}. Change to ${words[next[theme]]}.`);
      button.title = `Colours: ${words[theme]}`;
    };
    button.hidden = false;
    label();
    button.addEventListener("click", () => { theme = next[theme]; show(theme); write(theme); label(); });
  });
})();
