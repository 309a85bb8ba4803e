import { deepEqual, equal, match } from "node:assert/strict";
import { newAccount, openCore, ORIGIN } from "../support/service_core.ts";
import { register } from "../../core/registration.ts";

const TOOL = new URL("../../cli/countersign.ts", import.meta.url).pathname;

async function fsck(path: string): Promise<{ code: number; said: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-read", "--allow-write", TOOL, "fsck", path],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, said: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
}

Deno.test("a store is checked whole: its log, stray rows, and whether it is one at all", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/store.sqlite`;
  using kv = await Deno.openKv(path);
  {
    await using ctx = await openCore(kv);
    const alice = await newAccount("alice");
    await register(ctx, alice.label, alice.record, null);
  }
  const sound = await fsck(path);
  equal(sound.code, 0, sound.said);
  match(sound.said, /^✓ .* 1 names, 0 pending, 0 faults\n$/);
  await kv.set(["log", new Uint8Array(1), "x"], 1);
  await kv.set(["link", new Uint8Array(16), "x"], 1);
  const entry = await kv.get<Uint8Array>(["log", ORIGIN, "entry", 1]);
  const changed = entry.value!.slice();
  changed[40]! ^= 1;
  await kv.set(entry.key, changed);
  const strange = await fsck(path);
  equal(strange.code, 1);
  match(
    strange.said,
    /^ {2}A row of the table "link" is not of its form\n {2}A row is of no table\n✗ 2 rows [^\n]+\n/,
  );
  match(strange.said, /\n {2}The head has another root\n/, "the log is audited all the same");
  await kv.set(["log", ORIGIN, "label", "alice"], "x");
  deepEqual(await fsck(path), {
    code: 1,
    said: '  A row of the table "link" is not of its form\n' +
      "  A row is of no table\n" +
      '  A row of the table "label" is not of its form\n' +
      "✗ 3 rows that should not be there, or not so\n" +
      `✗ ${ORIGIN}: not audited before those rows are put right\n`,
  });
  await Deno.writeTextFile(`${folder}/other`, "no database");
  const other = await fsck(`${folder}/other`);
  equal(other.code, 1);
  match(other.said, /^✗ The store can't be read: [^\n]+\n$/);
  equal((await fsck(`${folder}/none`)).code, 2);
});
