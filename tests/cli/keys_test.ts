import assert from "node:assert/strict";
import { utf8 } from "../../crypto/bytes.ts";
import { parseVerifierKey } from "../../crypto/note_key.ts";
import { readKey } from "../../cli/key_file.ts";
import { countersign } from "./cli_process.ts";

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a new key of each type goes to a file of its owner's, and its public half is shown", async () => {
  await inFolder(async (folder) => {
    const types = { cosignature: 0x04, mldsa: 0x06, ed25519: 0x01 };
    for (const [type, byte] of Object.entries(types)) {
      const file = `${folder}/${type}.key`;
      const made = await countersign(
        "keys",
        "new",
        "witness.example/w1",
        "--type",
        type,
        "--file",
        file,
      );
      assert.equal(made.code, 0, made.err);
      const key = parseVerifierKey(made.out.trim());
      assert.equal(key.type, byte);
      assert.equal(key.name, "witness.example/w1");
      assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
      const shown = await countersign("keys", "show", file);
      assert.equal(shown.out, made.out);
      // What was printed has nothing of the secret.
      const secret = (await Deno.readTextFile(file)).trim().split("+").slice(4).join("+");
      assert.ok(secret.length >= 44);
      for (const text of [made.out, made.err, shown.out]) assert.ok(!text.includes(secret));
      const { cosigner, key: read } = await readKey(file);
      assert.deepEqual(read, key);
      assert.equal(cosigner === null, type === "ed25519");
    }
  });
});

Deno.test("a key that Go made is read, and a key is never written over another", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/go.key`;
    // Published with the tests of golang.org/x/mod/sumdb/note.
    const go = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    await Deno.writeTextFile(file, go, { mode: 0o600 });
    const shown = await countersign("keys", "show", file);
    assert.equal(shown.out, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW\n");
    const again = await countersign("keys", "new", "witness.example/w1", "--file", file);
    assert.equal(again.code, 1);
    assert.match(again.err, /is there already/);
    assert.equal(await Deno.readTextFile(file), go);
  });
});

Deno.test("a file that others can read, or that holds no key, is refused", async () => {
  await inFolder(async (folder) => {
    const file = `${folder}/key`;
    await countersign("keys", "new", "w", "--file", file);
    const text = await Deno.readTextFile(file);
    await Deno.chmod(file, 0o640);
    const open = await countersign("keys", "show", file);
    assert.equal(open.code, 1);
    assert.match(open.err, /can be read by others/);
    const bad = [
      "",
      "PRIVATE+KEY+w",
      text.slice(1),
      text.replace("+w+", "+other+"),
      text.replace(/\+[0-9a-f]{8}\+/, "+00000000+"),
      `${text}\n`,
      text.slice(0, -3),
    ];
    for (const wrong of bad) {
      const path = `${folder}/wrong`;
      await Deno.writeFile(path, utf8(wrong), { mode: 0o600 });
      await assert.rejects(readKey(path), { name: "CommandError" }, JSON.stringify(wrong));
    }
    assert.equal((await countersign("keys", "show", `${folder}/absent`)).code, 1);
  });
});

Deno.test("a call that is none says how to call it, and exits with 2", async () => {
  const wrong: [string[], RegExp][] = [
    [[], /usage: countersign <command>/],
    [["nothing"], /There is no command "nothing"/],
    [["constructor"], /There is no command/],
    [["keys"], /usage: countersign keys new/],
    [["keys", "new"], /usage/],
    [["keys", "new", "a", "b"], /usage/],
    [["keys", "new", "w", "--type", "rsa"], /There is no type "rsa"/],
    [["keys", "new", "w", "--typo"], /typo/],
    [["keys", "new", "w", "--type"], /usage/],
    [["keys", "new", "w", "--type", "mldsa", "--type", "mldsa"], /--type is there twice/],
    [["witness"], /--key is missing/],
    [["audit", "stray"], /one word too many/],
  ];
  const runs = await Promise.all(wrong.map(([args]) => countersign(...args)));
  runs.forEach(({ code, out, err }, i) => {
    assert.equal(code, 2, wrong[i]![0].join(" "));
    assert.match(out + err, wrong[i]![1]);
  });
  const help = await countersign("witness", "--help");
  assert.equal(help.code, 0);
  assert.match(help.out, /--store <path>/);
});
