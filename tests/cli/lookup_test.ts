import assert from "node:assert/strict";
import { logOf } from "../support/believer.ts";
import { forkService, growStore } from "../support/fork.ts";
import { stage } from "../support/stage.ts";
import { TestStack } from "../support/test_stack.ts";
import { startService } from "../support/service.ts";
import { countersign, type Run } from "./cli_process.ts";
import { configProof } from "../../core/log_read.ts";
import { register } from "../../core/registration.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { generateDeviceKeys } from "../../crypto/keys.ts";
import { formatLookupFile } from "../../crypto/lookup_file.ts";
import { formatVerifierKey } from "../../crypto/note_key.ts";
import { signGenesis } from "../../crypto/record.ts";
import { entryOf, openCore, ORIGIN } from "../support/service_core.ts";

/** All that a run printed, and its exit status. */
async function run(...args: string[]): Promise<{ readonly code: number; readonly said: string }> {
  const { code, out, err }: Run = await countersign(...args);
  return { code, said: out + err };
}

/** The key of a service's log, as people hand it on. */
async function keyOf(url: string): Promise<string> {
  return formatVerifierKey((await logOf({ url })).policy.logs[0]!);
}

Deno.test("a lookup is verified, kept as a file, and verified again offline", async () => {
  const folder = await Deno.makeTempDir();
  const [store, file] = [`${folder}/me.json`, `${folder}/bob.lookup`];
  await using service = await startService();
  const key = await keyOf(service.url);
  const at = ["--service", service.url, "--store", store, "--key", key];
  const bare = await run(...["lookup", "bob", ...at]);
  assert.equal(bare.code, 2, "a store without an account needs a name for one");
  const nobody = await run(...["lookup", "bob", ...at, "--as", "alice"]);
  assert.equal(nobody.code, 0, nobody.said);
  assert.match(nobody.said, /^✓ bob is absent, proven\n/);
  const found = await run(...["lookup", "alice", ...at, "--out", file]);
  assert.equal(found.code, 0, found.said);
  assert.match(found.said, /^✓ alice, version 0, is proven to be the newest\n {2}device 1 {2}/);
  await service.close();
  const again = await run(...["verify", file, "--key", key]);
  assert.deepEqual(again, found, "the file says the same without the service");
  const text = await Deno.readTextFile(file);
  const place = text.indexOf("extra ", text.indexOf('"proofs"')) + 400;
  const changed = text.slice(0, place) + (text[place] === "A" ? "B" : "A") + text.slice(place + 1);
  await Deno.writeTextFile(file, changed);
  const forged = await run(...["verify", file, "--key", key]);
  assert.equal(forged.code, 1);
  assert.match(forged.said, /^✗ [a-z_]+: /);
});

Deno.test("what somebody wrote is printed, and obeyed by no terminal", async () => {
  using kv = await Deno.openKv(":memory:");
  await using ctx = await openCore(kv);
  const label = parseAccountLabel("mallory");
  const keys = await generateDeviceKeys();
  // Clears the screen (in C0 and in C1), ends lines, turns what follows around.
  const name = "\x1b[2J\x1b[H\u2713 alice\r\n\x9b2J\u2028\u202Eevil\u2066 \u00e9\u{E0041}";
  const entry = { ...entryOf(keys, Date.now()), name };
  const record = await signGenesis({ origin: ORIGIN, label }, entry, keys, Date.now());
  const { proof } = await register(ctx, label, record, null);
  const file = `${await Deno.makeTempDir()}/mallory.lookup`;
  const text = formatLookupFile({ label, config: await configProof(ctx), proofs: [proof] });
  await Deno.writeTextFile(file, text);
  const { code, said } = await run("verify", file, "--key", ctx.keys.logVerifierKey);
  assert.equal(code, 0, said);
  assert.doesNotMatch(said, /[^\P{C}\n]|\p{Zl}|\p{Zp}/u);
  const written = String.raw`\x1b[2J\x1b[H✓ alice\x0d\x0a\x9b2J\u2028\u202eevil\u2066 é\u{e0041}`;
  assert.equal(said.split("\n")[1]!.split("…  ")[1], written);
});

Deno.test("a lookup of another log, a file that is none, and no key at all are refused", async () => {
  const folder = await Deno.makeTempDir();
  await using service = await startService();
  const at = ["--service", service.url, "--store", `${folder}/me.json`];
  const file = `${folder}/alice.lookup`;
  assert.equal((await run(...["lookup", "alice", ...at, "--as", "alice", "--out", file])).code, 0);
  const other = "test.invalid/kt/1+33d7b496+AeHJyk9SxEdh+s3Ux18htTTAD8OuAn8Ac4zctda0e5ez";
  assert.equal((await run(...["verify", file, "--key", other])).code, 1);
  assert.equal((await run(...["verify", file])).code, 2);
  await Deno.writeTextFile(file, "no file of ours");
  const key = await keyOf(service.url);
  assert.match((await run(...["verify", file, "--key", key])).said, /^✗ malformed: /);
  assert.equal((await run(...["verify", `${folder}/none`, "--key", key])).code, 1);
});

Deno.test("what a client kept of a split view convicts the log, for whoever holds the file", async () => {
  await using play = await stage();
  await using fork = await forkService(play.kv, play.liar.url);
  await growStore(play.kv, "dave");
  await fork.grow("erin");
  play.liar.routeFor = (path, account) =>
    account === "bob" && path.endsWith("/proof") ? fork.url : null;
  const call = await play.alice.call("bob", new TestStack());
  await call.ended;
  const [evidence] = await play.alice.evidence();
  const file = `${await Deno.makeTempDir()}/evidence`;
  await Deno.writeTextFile(file, evidence!);
  const key = await keyOf(play.liar.target);
  const judged = await run(...["verify", file, "--key", key]);
  assert.deepEqual(judged, { code: 0, said: "✓ forked: the log signed two histories\n" });
  await Deno.writeTextFile(file, evidence!.replace(/("second": ")(.*?\\n)\d+/, "$1$27"));
  const forged = await run(...["verify", file, "--key", key]);
  assert.equal(forged.code, 1, forged.said);
});
