// A diff by words: what the person took out and put in, as they type.
const WORD = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu;
const MAX_CELLS = 1_000_000; // of the table between the common beginning and end: beyond, one block out and one in

export const words = (text) => text.match(WORD) ?? [];

// [[kind, text]]: kind is " " kept, "-" taken out, "+" put in.
export const diff = (before, after) => {
  const a = words(before), b = words(after);
  let start = 0;
  while (start < Math.min(a.length, b.length) && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const parts = [];
  const add = (kind, text) => { if (text) { if (parts.at(-1)?.[0] === kind) parts.at(-1)[1] += text; else parts.push([kind, text]); } };
  add(" ", a.slice(0, start).join(""));
  for (const [kind, text] of middle(a.slice(start, a.length - end), b.slice(start, b.length - end))) add(kind, text);
  add(" ", a.slice(a.length - end).join(""));
  return parts;
};

const middle = (a, b) => {
  if (!a.length || !b.length || a.length * b.length > MAX_CELLS) return [["-", a.join("")], ["+", b.join("")]];
  const width = b.length + 1;
  const longest = new Uint32Array((a.length + 1) * width); // of a[i:] and b[j:]
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i] === b[j] ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const parts = [];
  let i = 0, j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) { parts.push([" ", a[i]]); i++; j++; }
    else if (longest[(i + 1) * width + j] >= longest[i * width + j + 1]) parts.push(["-", a[i++]]);
    else parts.push(["+", b[j++]]);
  }
  return [...parts, ...a.slice(i).map((word) => ["-", word]), ...b.slice(j).map((word) => ["+", word])];
};
