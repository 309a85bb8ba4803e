import assert from "node:assert/strict";
import { type Echo } from "./checks/echo.ts";
import { runEverywhere } from "./everywhere.ts";

const ECHO = new URL("./checks/echo.ts", import.meta.url);
const TEXT = "ä☎𝄞";

Deno.test("one bundle gives the same in every runtime that is there", async () => {
  const all = await runEverywhere<Echo>(ECHO, { text: TEXT, failIn: null });
  assert.equal(all[0]?.runtime, "deno");
  assert.equal(all[0].output.text, TEXT);
  for (const { runtime, output, version } of all) {
    assert.deepEqual(output, all[0].output, runtime);
    assert.match(version, /^\d+\./, runtime);
    assert.equal(output.secure, true, runtime);
  }
});

Deno.test("a check that throws in one runtime alone fails the run", async () => {
  const failing = (failIn: string) => runEverywhere<Echo>(ECHO, { text: TEXT, failIn });
  const there = (await failing("nowhere")).map(({ runtime }) => runtime);
  const agents = { deno: "Deno", node: "Node", chromium: "Chrome", firefox: "Firefox" } as const;
  for (const runtime of there) {
    await assert.rejects(failing(agents[runtime]), new RegExp(TEXT), runtime);
  }
});
