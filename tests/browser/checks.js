// What every page must hold, as sentences about what is wrong: names, landmarks, headings, contrast, width.
(() => {
  const wrong = [];
  const seen = (element) => element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const told = (element) => `<${element.tagName.toLowerCase()} class="${element.className}"> ${element.textContent.trim().slice(0, 40)}`;

  if (document.querySelectorAll("h1").length !== 1) wrong.push(`${document.querySelectorAll("h1").length} h1`);
  for (const landmark of ["header", "main", "nav"]) if (!document.querySelector(landmark)) wrong.push(`no ${landmark}`);
  if (!document.documentElement.lang) wrong.push("no lang");
  if (!document.title.trim()) wrong.push("no title");
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`scrolls sideways: ${document.documentElement.scrollWidth} > ${innerWidth}`);

  let level = 1;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    if (heading.closest(".prose")) continue;
    const now = Number(heading.tagName[1]);
    if (now > level + 1) wrong.push(`heading jumps from h${level} to ${told(heading)}`);
    level = now;
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((id, index) => ids.indexOf(id) !== index))) wrong.push(`id twice: ${id}`);

  const name = (element) => element.getAttribute("aria-label")
    || (element.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent ?? "").join(" ").trim()
    || [...(element.labels || [])].map((label) => label.textContent).join(" ").trim() || element.textContent.trim() || element.title;
  for (const element of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    if (!(element.getAttribute("aria-label") || [...element.labels].some((label) => label.textContent.trim()))) wrong.push(`no label: ${element.name}`);
  }
  for (const element of document.querySelectorAll("a[href], button, summary, [role=region], dialog")) if (!name(element)) wrong.push(`no name: ${told(element)}`);
  for (const element of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    for (const id of `${element.getAttribute("aria-labelledby") || ""} ${element.getAttribute("aria-describedby") || ""}`.trim().split(/\s+/)) {
      if (!document.getElementById(id)) wrong.push(`points to nothing: ${id}`);
    }
  }
  for (const element of document.querySelectorAll(".scroll, .canvas, pre.log")) {
    if (element.scrollWidth > element.clientWidth && element.tabIndex < 0) wrong.push(`scrolls without a key: ${told(element)}`);
  }

  // Contrast, as painted: the canvas turns every colour notation into numbers.
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const known = new Map(); // reading a pixel back is slow, and a page has few colours
  const rgba = (colour) => {
    if (!known.has(colour)) known.set(colour, painted(colour));
    return known.get(colour);
  };
  const painted = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return { r, g, b, a: a / 255 };
  };
  const light = ({ r, g, b }) => [r, g, b].map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, index) => sum + v * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour.a > 0.99) return colour;
    }
    return { r: 255, g: 255, b: 255 };
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const done = new Set();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || done.has(element) || !seen(element) || element.closest("[aria-disabled], :disabled, dialog:not([open]), option")) continue;
    done.add(element);
    const style = getComputedStyle(element);
    const [a, b] = [light(rgba(element.closest("svg text") ? style.fill : style.color)), light(behind(element))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) wrong.push(`contrast ${ratio.toFixed(2)}: ${told(element)}`);
  }
  return wrong;
})();
