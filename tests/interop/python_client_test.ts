/**
 * `examples/python/room_client.py`: another language, and nothing of this project's code.
 *
 * Runs where a python3 on the path has the packages that it imports; elsewhere it says that it
 * skips.
 *
 * @module
 */

import assert from "node:assert/strict";
import { attend } from "../support/room_talk.ts";
import { stage } from "../support/stage.ts";
import { runTool } from "./go_tool.ts";

const CLIENT = new URL("../../examples/python/room_client.py", import.meta.url).pathname;

const NEEDED = "import cryptography, httpx, jwcrypto.jwt, websockets.sync.client";

async function findPython(): Promise<string | null> {
  for (const folder of (Deno.env.get("PATH") ?? "").split(":")) {
    const python = `${folder}/python3`;
    try {
      if ((await runTool(python, ["-c", NEEDED])).code === 0) return python;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  // deno-lint-ignore no-console
  console.log("skipped: no python3 here has cryptography, httpx, jwcrypto and websockets");
  return null;
}

Deno.test("a client in one file of Python comes into a room by its invite, is understood, and understands", async () => {
  const python = await findPython();
  if (python === null) return;
  await using play = await stage();
  const host = attend(await play.alice.createRoom());
  const link = await host.meeting.invite({ uses: 1 });
  const answering = host.heard(1, 20_000).then(() => host.say("willkommen, Grüße"));
  const said = await runTool(python, [CLIENT, link, "hello from Python, grüße"]);
  assert.deepEqual(said, { code: 0, text: "willkommen, Grüße\n" });
  await answering;
  assert.deepEqual(host.texts(), ["hello from Python, grüße"]);
  await host.next("leave");

  const late = await runTool(python, [CLIENT, link, "me too"]);
  assert.deepEqual(late, { code: 1, text: "This invite is not valid, or no longer\n" });

  const door = await host.meeting.invite({ role: "knocker" });
  const outside = await runTool(python, [CLIENT, door, "let me in"]);
  const sentence = "This link leads to the room's door, where one has to knock\n";
  assert.deepEqual(outside, { code: 1, text: sentence });
});
