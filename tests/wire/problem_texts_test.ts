import assert from "node:assert/strict";
import { PROBLEM_STATUS } from "../../wire/problem.ts";
import { codeTexts } from "../../wire/problem_texts.ts";

Deno.test("what is published of a code is what stands at it in the source", async () => {
  const source = await Deno.readTextFile("wire/problem.ts");
  const table = source.slice(source.indexOf("PROBLEM_STATUS = {"), source.indexOf("} as const"));
  const said = Object.fromEntries(
    [...table.matchAll(/\/\*\* (.*?) \*\/\s*([a-z_]+): \d+/gs)].map(([, text, code]) => {
      return [code!, text!.replaceAll(/\s*\n\s*\* ?/g, " ")];
    }),
  );
  const published = codeTexts();
  assert.deepEqual(Object.keys(published), Object.keys(PROBLEM_STATUS));
  for (const [code, { says, status }] of Object.entries(published)) {
    assert.equal(says, said[code], code);
    assert.equal(status, PROBLEM_STATUS[code as keyof typeof PROBLEM_STATUS]);
  }
});
