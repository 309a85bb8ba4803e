import assert from "node:assert/strict";
import { ServiceError } from "../../core/error.ts";
import { problemResponse, refusalOf } from "../../routes/problem.ts";
import { problemFromWire } from "../../wire/problem.ts";

Deno.test("a fault is told to nobody, and logged with its place and without its message", () => {
  const lines: string[] = [];
  const fault = new TypeError("no token eyJhbGciOi\n    at alice (secret)");
  const refusal = refusalOf(fault, (line) => lines.push(line));
  assert.equal(refusal.code, "internal");
  assert.doesNotMatch(refusal.message, /alice|eyJ/);
  assert.match(lines[0]!, /^fault: TypeError\n +at .*problem_test\.ts/);
  assert.doesNotMatch(lines[0]!, /alice|secret|eyJ/);
});

Deno.test("our own broken invariant says which", () => {
  const lines: string[] = [];
  refusalOf(new Error("bug: the log lost an entry"), (line) => lines.push(line));
  assert.match(lines[0]!, /^fault: Error bug: the log lost an entry\n/);
});

Deno.test("a refusal is told as a problem, and not logged", async () => {
  const lines: string[] = [];
  const refusal = refusalOf(new ServiceError("name_taken", "Taken"), (line) => lines.push(line));
  const response = problemResponse(refusal);
  assert.deepEqual(lines, []);
  assert.equal(response.status, 409);
  assert.equal(response.headers.get("content-type"), "application/problem+json");
  const problem = { type: "about:blank", status: 409, code: "name_taken", title: "Taken" };
  const body = await response.json();
  assert.deepEqual(body, problem);
  assert.deepEqual(problemFromWire(body), problem);
  for (const other of [null, "text", {}, { ...body, code: "toString" }, { ...body, title: 1 }]) {
    assert.equal(problemFromWire(other), null);
  }
});
