/**
 * The model's page says what the model's files say, and ProVerif, where there is one, says it too.
 *
 * @module
 */

import assert from "node:assert/strict";

import { ask, proverif, type Run, runsOf } from "../../tools/model.ts";

const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);
const PROVERIF = await proverif();

/** What took longer by the page's own count is left to whoever runs the tool. */
const QUICK_SECONDS = 10;

/** The rows of the page's table: question, world, answers, seconds. */
async function rows(): Promise<readonly (readonly string[])[]> {
  const page = await Deno.readTextFile(`${ROOT}/docs/model/README.md`);
  const found = page.matchAll(/^\| `([a-z0-9_]+)` +\| (.+?) +\| (.+?) +\| +([0-9.]+) \|$/gm);
  return [...found].map((row) => row.slice(1));
}

function isQuick({ question, world }: Run, table: readonly (readonly string[])[]): boolean {
  const row = table.find((each) => each[0] === question && each[1] === world);
  return Number(row?.[3]) <= QUICK_SECONDS;
}

Deno.test("the model's page has every question in every world, with the answers of its file", async () => {
  const asked = (await runsOf(ROOT)).map(({ question, world, answers }) => [
    question,
    world,
    answers,
  ]);
  assert.ok(asked.length > 0);
  assert.deepEqual((await rows()).map((row) => row.slice(0, 3)), asked);
});

Deno.test("every part that a question names is there, and every part is named", async () => {
  const named = new Set((await runsOf(ROOT)).flatMap(({ parts }) => parts));
  const there: string[] = [];
  for await (const { name } of Deno.readDir(`${ROOT}/docs/model`)) {
    if (name.endsWith(".pvl")) there.push(name.slice(0, -4));
  }
  assert.deepEqual([...named].sort(), there.sort());
});

Deno.test("each property is also asked for in a run that can happen, and in a world that breaks it", async () => {
  const runs = await runsOf(ROOT);
  for (const { question, world, answers } of runs) {
    assert.ok(answers.endsWith("false"), `${question}, ${world}: nothing shows that it can happen`);
  }
  for (const part of ["static_missing", "entry_of_keys_only", "x25519_broken"]) {
    const broken = runs.filter(({ parts }) => parts.includes(part));
    assert.ok(broken.some(({ answers }) => answers.startsWith("false")), part);
  }
});

Deno.test({
  name: "ProVerif, where it is installed, says of the quick questions what the page says",
  ignore: PROVERIF === null,
  fn: async (t) => {
    const table = await rows();
    const quick = (await runsOf(ROOT)).filter((run) => isQuick(run, table));
    assert.ok(quick.length > 0);
    for (const run of quick) {
      await t.step(`${run.question}, ${run.world}`, async () => {
        assert.equal((await ask(ROOT, PROVERIF!, run)).answers, run.answers);
      });
    }
  },
});

if (PROVERIF === null) {
  console.log("There is no ProVerif here (PATH, or PROVERIF): the model was read, and not asked.");
}
