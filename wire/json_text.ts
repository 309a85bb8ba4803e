/**
 * JSON from outside, with one meaning only (RFC 8259, section 4, leaves the others open): no member
 * twice in an object, and none called `__proto__`.
 *
 * @module
 */

/** The value of a JSON text, or `undefined` where the text is not JSON with one meaning. */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  // What was written twice is there only once: then fewer members stand in the value than colons
  // outside strings in the text.
  return memberCount(value) === colonCount(text) ? value : undefined;
}

/** How many members all objects in a value have; NaN where one is called `__proto__`. */
function memberCount(value: unknown): number {
  let count = 0;
  // A stack of our own: others choose how deep the value is.
  const open: unknown[] = [value];
  while (open.length > 0) {
    const one = open.pop();
    if (typeof one !== "object" || one === null) continue;
    if (Array.isArray(one)) {
      for (const item of one) open.push(item);
      continue;
    }
    for (const name of Object.keys(one)) {
      if (name === "__proto__") return NaN;
      count++;
      open.push((one as Record<string, unknown>)[name]);
    }
  }
  return count;
}

/** How many colons stand outside the strings of a text that is JSON. */
function colonCount(text: string): number {
  let count = 0;
  let at = 0;
  for (;;) {
    const quote = text.indexOf('"', at);
    const end = quote < 0 ? text.length : quote;
    for (let i = at; i < end; i++) {
      if (text.charCodeAt(i) === 0x3a) count++;
    }
    if (quote < 0) return count;
    at = stringEnd(text, quote + 1);
  }
}

/** The place after the quote that ends a string. */
function stringEnd(text: string, start: number): number {
  let quote = text.indexOf('"', start);
  while (isEscaped(text, quote, start)) quote = text.indexOf('"', quote + 1);
  return quote + 1;
}

function isEscaped(text: string, at: number, start: number): boolean {
  let slashes = 0;
  while (at - slashes > start && text[at - slashes - 1] === "\\") slashes++;
  return slashes % 2 === 1;
}
