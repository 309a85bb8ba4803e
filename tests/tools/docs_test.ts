/**
 * What the documents show as an example is one: whoever copies it gets no further than they say.
 *
 * @module
 */

import assert from "node:assert/strict";

import { NOTE_KEY_TYPE, parseVerifierKey } from "../../crypto/note_key.ts";

const ROOT = new URL("../../", import.meta.url);

Deno.test("the log key in the README is a log's key", async () => {
  const text = await Deno.readTextFile(new URL("README.md", ROOT));
  const [, written] = /logKey: "([^"]+)"/.exec(text) ?? [];
  const { name, type } = parseVerifierKey(written ?? "");
  assert.deepEqual([name, type], ["calls.example/kt/1", NOTE_KEY_TYPE.ed25519]);
});

Deno.test("the operations manual shows the commands as the command prints them", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-env", new URL("cli/countersign.ts", ROOT).pathname],
  }).output();
  const printed = new TextDecoder().decode(stdout);
  assert.match(printed, /^usage: countersign/);
  const manual = await Deno.readTextFile(new URL("docs/OPERATIONS.md", ROOT));
  assert.ok(manual.includes(printed.replaceAll(/^(?=.)/gm, "    ")), printed);
});
