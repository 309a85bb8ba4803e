import assert from "node:assert/strict";
import { OWN_VECTORS } from "../support/own_vectors.ts";
import { FILES } from "../vectors/check.ts";

const TOOLS = new URL("../../tools/vectors/", import.meta.url).pathname;

/** What a Python program says, or null where there is no Python here or it lacks its package. */
async function python(...args: readonly string[]): Promise<string | null> {
  const needs = "import sys, cryptography; assert sys.version_info >= (3, 11)";
  if (await ran("-c", needs) === null) return skip("no Python 3.11 with the package cryptography");
  const said = await ran(...args);
  assert.notEqual(said, null, args.join(" "));
  return said;
}

async function ran(...args: readonly string[]): Promise<string | null> {
  const options: Deno.CommandOptions = { args: [...args], stdin: "null" };
  try {
    const { success, stdout } = await new Deno.Command("python3", options).output();
    return success ? new TextDecoder().decode(stdout) : null;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return null;
  }
}

Deno.test("the second implementation writes the vectors as they stand here", async () => {
  const folder = await Deno.makeTempDir({ prefix: "countersign-vectors-" });
  try {
    if (await python(`${TOOLS}make.py`, folder) === null) return;
    for (const file of FILES) {
      const made = await Deno.readTextFile(`${folder}/${file}.json`);
      const here = await Deno.readTextFile(new URL(`${file}.json`, OWN_VECTORS));
      assert.ok(made === here, `${file}.json is another one`);
    }
    const made = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
    assert.deepEqual(made, FILES.map((file) => `${file}.json`).sort());
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the second implementation's ML-KEM-768 is Wycheproof's", async () => {
  const folder = Deno.env.get("COUNTERSIGN_VECTORS") ??
    new URL("../../../shared/vectors", import.meta.url).pathname;
  const isThere = await Deno.stat(`${folder}/wycheproof`).then(() => true, () => false);
  if (!isThere) return void skip("no vectors of Wycheproof");
  const said = await python(`${TOOLS}check_mlkem.py`, `${folder}/wycheproof`);
  if (said === null) return;
  const counts = said.match(/\d+ of \d+ hold/g)!;
  assert.equal(counts.length, 3);
  for (const count of counts) assert.match(count, /^(\d+) of \1 hold$/);
});

function skip(why: string): null {
  // deno-lint-ignore no-console
  console.log(`skipped: ${why}`);
  return null;
}
