import { deepEqual, equal } from "node:assert/strict";
import { parseJson } from "../../wire/json_text.ts";

Deno.test("JSON with one meaning is read", () => {
  for (
    const text of [
      "null",
      "1",
      '"a:b"',
      "{}",
      "[]",
      '{"a":1,"b":{"a":[{"a":2},{"a":3}]}}',
      '{"a":"\\"a\\":1","b\\\\":":"}',
      '{"a":"{\\"b\\":1}\\\\"}',
      ' { "a" : "::" , "b" : [ ] } ',
      '{"\\u003a":1}',
    ]
  ) {
    deepEqual(parseJson(text), JSON.parse(text));
  }
});

Deno.test("a member twice, one called __proto__, and what is not JSON are refused", () => {
  for (
    const text of [
      "",
      "{",
      "{a:1}",
      '{"a":1}{"a":1}',
      '{"a":1,"a":1}',
      '{"a":1,"\\u0061":2}',
      '{"b":[{"a":1,"a":{}}]}',
      '{"__proto__":{"x":1}}',
      '{"a":{"__proto__":1}}',
      "undefined",
      "NaN",
    ]
  ) {
    equal(parseJson(text), undefined, text);
  }
});

Deno.test("a text that nests as deep as a body can does no harm", () => {
  const deep = "[".repeat(30_000) + "]".repeat(30_000);
  equal(Array.isArray(parseJson(deep)), true);
  equal(parseJson("[".repeat(60_000)), undefined);
});
