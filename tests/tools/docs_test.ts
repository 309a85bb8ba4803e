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

Deno.test("an application that links the checkout, as the README says, has types that check", async () => {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const written = /```json\n(\{\n {2}"links"[\s\S]*?\n\})\n```/.exec(readme)?.[1] ?? "";
  const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const app = await Deno.makeTempDir({ prefix: "app_" });
  try {
    const settings = { ...JSON.parse(written), lock: false, links: [ROOT.pathname] };
    const lines = Object.keys(exports).map((name) =>
      `import "@countersign/countersign${name.slice(1)}";\n`
    );
    await Deno.writeTextFile(`${app}/app.ts`, lines.join(""));
    // Its own settings, and those of a program that never sees a browser.
    const { compilerOptions: _, ...plain } = settings;
    const only = lines.filter((line) => !/browser|indexeddb|livekit|mediasoup/.test(line));
    await Deno.writeTextFile(`${app}/plain.ts`, only.join(""));
    assert.ok(only.length > 0 && only.length < lines.length);
    for (const [file, config] of [["app.ts", settings], ["plain.ts", plain]] as const) {
      await Deno.writeTextFile(`${app}/deno.json`, JSON.stringify(config));
      const { success, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["check", file],
        cwd: app,
        env: { NO_COLOR: "1" },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
    }
  } finally {
    await Deno.remove(app, { recursive: true });
  }
});
