// Words that stick out of their buttons, buttons that lie on each other, and buttons too small to hit.
(() => {
  const bar = document.querySelectorAll(".verdict-bar :is(.verdict, button)");
  const buttons = [...bar].filter((each) => each.offsetWidth > 1);
  const boxes = buttons.map((each) => each.getBoundingClientRect());
  const told = (each) => each.textContent.trim().replace(/\s+/g, " ");
  return buttons.flatMap((each, index) => {
    const box = boxes[index];
    const words = document.createRange();
    words.selectNodeContents(each);
    const sticksOut = [...words.getClientRects()].some((rect) => rect.width > 1
      && (rect.left < box.left - 0.5 || rect.right > box.right + 0.5 || rect.bottom > box.bottom + 0.5));
    const under = boxes.findIndex((other, at) => at !== index
      && box.left < other.right - 0.5 && other.left < box.right - 0.5
      && box.top < other.bottom - 0.5 && other.top < box.bottom - 0.5);
    const wrong = [];
    if (sticksOut) wrong.push(`sticks out: ${told(each)}`);
    if (under >= 0) wrong.push(`${told(each)} lies on ${told(buttons[under])}`);
    if (box.width < 24 || box.height < 24) wrong.push(`too small: ${told(each)}`);
    return wrong;
  });
})();
