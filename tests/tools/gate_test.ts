/**
 * The gate is seen to close: in a copy of a small project, each check passes, and then fails on
 * the one fault that it is there for.
 *
 * @module
 */

import assert from "node:assert/strict";

import { CLEAN, type Project, project } from "./project.ts";

const API = ["run", "--allow-read", "--allow-run", "--allow-write=docs", "tools/api.ts"];
const DOM = ["run", "--allow-read", "--allow-run", "--allow-write=dist", "tools/check_dom.ts"];
const EXPORTS = ["run", "--allow-read", "tools/exports.ts"];
const CLAIMS = ["run", "--allow-read", "tools/claims.ts"];
const SIZE = ["run", "--unstable-bundle", "--allow-read", "--allow-write=dist", "tools/size.ts"];
const OK = ["run", "--allow-read", "--allow-run", "tools/ok.ts"];

/** Text that does not compress: `bytes` bytes of it, more or less. */
function noise(bytes: number): string {
  let text = "";
  while (text.length < bytes) text += crypto.randomUUID().replaceAll("-", "");
  return text;
}

/** Plants a fault in one file, sees the command fail with these words, and takes it back. */
async function closes(p: Project, plant: {
  readonly file: string;
  readonly text: string;
  readonly command: readonly string[];
  readonly says: RegExp;
}): Promise<void> {
  await p.write(plant.file, plant.text);
  const { success, output } = await p.deno(...plant.command);
  await p.write(plant.file, CLEAN[plant.file] ?? "");
  assert.equal(success, false, `passed in spite of the fault in ${plant.file}\n${output}`);
  assert.match(output, plant.says);
}

Deno.test("the gate opens for a clean project and closes for each planted fault", async (t) => {
  await using p = await project();
  const client = CLEAN["client/mod.ts"] ?? "";
  const word = CLEAN["crypto/word.ts"] ?? "";

  await t.step("a clean project passes every check", async () => {
    const api = await p.deno(...API);
    assert.ok(api.success, api.output);
    const { success, output } = await p.deno(...OK);
    assert.ok(success, output);
    assert.match(output, /^12 of 12 checks passed/m);
  });

  await t.step("the tests can be left out, and nothing else", async () => {
    const { output } = await p.deno(...OK, "--no-test");
    assert.match(output, /^11 of 11 checks passed/m);
    assert.doesNotMatch(output, /^. tests/m);
  });

  await t.step("the summary names what failed and shows why", async () => {
    await closes(p, {
      file: "crypto/word.ts",
      text: word.replace(`"hello"`, "'hello'"),
      command: [...OK, "--no-test"],
      says: /✗ format[\s\S]*crypto\/word\.ts[\s\S]*✓ lint[\s\S]*Not ok: format\./,
    });
  });

  await t.step("a failing test fails the gate", async () => {
    await closes(p, {
      file: "tests/hello_test.ts",
      text:
        `Deno.test("says hello to whoever asks, and fails", () => {\n  throw new Error("as planted");\n});\n`,
      command: OK,
      says: /✗ tests[\s\S]*as planted[\s\S]*Not ok: tests\./,
    });
  });

  await t.step("a parameter with a default is public as one that may be left out", async () => {
    const text = client +
      `\n/** Says words. */\nexport class Speaker {\n  /** Says one. */\n` +
      `  say(word: string, times = 1, ends: readonly string[] = []): string {\n` +
      `    return word.repeat(times) + ends.join();\n  }\n}\n` +
      `\n/** Says it all. */\nexport function say(word: string, times: number): string {\n` +
      `  return word.repeat(times);\n}\n`;
    await p.write("client/mod.ts", text);
    const { success, output } = await p.deno(...API);
    const said = await Deno.readTextFile(`${p.path}/docs/api.txt`);
    await p.write("client/mod.ts", client);
    assert.ok(success, output);
    assert.match(
      said,
      /^ {2}say\(word: string, times\?: number, ends\?: readonly string\[\]\): string$/m,
    );
    assert.match(said, /^function say\(word: string, times: number\): string$/m);
    assert.ok((await p.deno(...API)).success);
  });

  for (
    const [fault, file, from, to, says] of [
      ["a rule without a test", "docs/PROTOCOL.md", "| W1 |", "| W2 |", /no test holds W1/],
      [
        "a rule whose test is gone",
        "docs/PROTOCOL.md",
        "says hello",
        "says bye",
        /no test "says bye to whoever asks"/,
      ],
      [
        "a rule whose test's title is code and no string",
        "docs/PROTOCOL.md",
        "says hello to whoever asks",
        "const greeting",
        /no test "const greeting"/,
      ],
      [
        "a rule whose test's title is in a comment",
        "docs/PROTOCOL.md",
        "says hello to whoever asks",
        "a greeting of old",
        /no test "a greeting of old"/,
      ],
      [
        "a rule whose test's title is a single word",
        "docs/PROTOCOL.md",
        "says hello to whoever asks",
        "hello",
        /"hello" is too short/,
      ],
      [
        "two rules of one number",
        "docs/PROTOCOL.md",
        "said.",
        "said.\n- **W1** Twice.",
        /two rules/,
      ],
      [
        "a claim without a test",
        "docs/THREAT_MODEL.md",
        '"says hello to whoever asks"',
        "",
        /no test attacks/,
      ],
      [
        "a claim whose test is gone",
        "docs/THREAT_MODEL.md",
        "says hello",
        "says bye",
        /no test "says bye to whoever asks"/,
      ],
    ] as const
  ) {
    await t.step(
      fault,
      () => closes(p, { file, text: CLEAN[file]!.replace(from, to), command: CLAIMS, says }),
    );
  }

  await t.step("an import that points up", () =>
    closes(p, {
      file: "crypto/word.ts",
      text: word + `\nexport * from "../client/adapters/browser.ts";\n`,
      command: ["lint"],
      says: /house\/layers[\s\S]*Imports only point down/,
    }));

  await t.step("a type error", () =>
    closes(p, {
      file: "client/mod.ts",
      text: client.replace("return WORD", "return 1"),
      command: ["check"],
      says: /TS2322/,
    }));

  await t.step("a runtime API where only the DOM is", () =>
    closes(p, {
      file: "crypto/word.ts",
      text: word.replace(`"hello"`, `Deno.version.deno`),
      command: DOM,
      says: /Cannot find name 'Deno'/,
    }));

  await t.step("a public function without documentation", () =>
    closes(p, {
      file: "client/mod.ts",
      text: client.replace("/** Says the word. */\n", ""),
      command: ["doc", "--lint", "client/mod.ts"],
      says: /missing-jsdoc/,
    }));

  await t.step("an example in the README that does not compile", () =>
    closes(p, {
      file: "README.md",
      text: (CLEAN["README.md"] ?? "").replace("string", "number"),
      command: ["check", "--doc-only", "README.md"],
      says: /README\.md[\s\S]*TS2322|TS2322[\s\S]*README\.md/,
    }));

  await t.step("an export that nobody needs", () =>
    closes(p, {
      file: "crypto/word.ts",
      text: word + `\n/** Another. */\nexport const OTHER = 1;\n`,
      command: EXPORTS,
      says: /crypto\/word\.ts:11: OTHER is used nowhere/,
    }));

  await t.step("an export that only its own file needs", () =>
    closes(p, {
      file: "crypto/word.ts",
      text: word.replace(`"hello"`, "spell()") +
        `\n/** Spells it. */\nexport function spell(): string {\n  return "hello";\n}\n`,
      command: EXPORTS,
      says: /spell is used in this file alone: drop the export/,
    }));

  await t.step("an export that only a test needs", async () => {
    await p.write("tests/word_test.ts", `import { OTHER } from "../crypto/word.ts";\nOTHER;\n`);
    await closes(p, {
      file: "crypto/word.ts",
      text: word + `\n/** Another. */\nexport const OTHER = 1;\n`,
      command: EXPORTS,
      says: /OTHER is used by tests alone/,
    });
    await Deno.remove(`${p.path}/tests/word_test.ts`);
  });

  await t.step("a client over its size budget", () =>
    closes(p, {
      file: "crypto/word.ts",
      text: `export const WORD = "${noise(140_000)}";\n`,
      command: SIZE,
      says: /client\/mod\.ts\s*:\s+\S+ bytes gzipped of 61,440 budget, too big/,
    }));

  await t.step("an adapter over its size budget, with the client within its own", () =>
    closes(p, {
      file: "client/adapters/browser.ts",
      text: `export const NOISE = "${noise(9_000)}";\n`,
      command: SIZE,
      says: /browser\.ts over the client\s*:\s+\S+ bytes gzipped of 4,352 budget, too big/,
    }));

  for (const forbidden of ["ZodError", "Hono", "JOSEError", "Deno.", "node:"]) {
    await t.step(`the string ${forbidden} in a bundle`, () =>
      closes(p, {
        file: "crypto/word.ts",
        text: word.replace("hello", `a ${forbidden}x`),
        command: SIZE,
        says: new RegExp(`client/mod\\.ts: contains "${forbidden.replace(".", "\\.")}"`),
      }));
  }

  await t.step("a public API that changed", () =>
    closes(p, {
      file: "client/mod.ts",
      text: client.replace("hello(): string", "hello(name?: string): string"),
      command: [...API, "--check"],
      says: /- function hello\(\): string\n.*\+ function hello\(name\?: string\)[\s\S]*task api/,
    }));

  await t.step("a package that cannot be published", () =>
    closes(p, {
      file: "client/mod.ts",
      text: client.replace("hello(): string", "hello()"),
      command: ["publish", "--dry-run", "--allow-dirty"],
      says: /missing-explicit-return-type/,
    }));
});

Deno.test("the bundle holds the pages' modules and their static files, and nothing stale", async () => {
  await using p = await project();
  const app =
    `import { hello } from "../../client/mod.ts";\nhello();\nawait import("./rare.ts");\n`;
  await p.write("examples/demo/app.ts", app);
  await p.write("examples/demo/rare.ts", `console.log("seldom");\n`);
  await p.write("examples/demo/index.html", "<!doctype html>\n");
  await p.write("examples/demo/style.css", "p { color: red }\n");
  await p.write("examples/log/page.ts", `import "./tree.ts";\n`);
  await p.write("examples/log/tree.ts", `console.log("grown");\n`);
  await p.write("examples/log/index.html", "<!doctype html>\n");
  await p.write("examples/log/style.css", "p { color: green }\n");
  await p.write("examples/docs/page.ts", `console.log("told");\n`);
  await p.write("examples/docs/index.html", "<!doctype html>\n");
  await p.write("examples/docs/style.css", "p { color: blue }\n");
  await p.write("client/adapters/late.ts", `self.postMessage("ready");\n`);
  await p.write("client/adapters/browser_worker.ts", `await import("./late.ts");\n`);
  await p.write("dist/stale.js", "");
  const command = ["run", "--unstable-bundle", "--allow-read", "--allow-write=dist"];
  const { success, output } = await p.deno(...command, "tools/bundle.ts");
  assert.ok(success, output);
  const names = [...Deno.readDirSync(`${p.path}/dist`)].map((file) => file.name).sort();
  const [chunk = "", ...others] = names.filter((name) => /^rare-[A-Z0-9]+\.js$/.test(name));
  assert.deepEqual(others, []);
  assert.deepEqual(names, [
    "app.js",
    "docs.css",
    "docs.html",
    "docs.js",
    "index.html",
    "log.css",
    "log.html",
    "log.js",
    chunk,
    "style.css",
    "worker.js",
  ]);
  const built = (name: string) => Deno.readTextFile(`${p.path}/dist/${name}`);
  assert.match(await built("app.js"), /hello/);
  assert.ok((await built("app.js")).includes(`import("./${chunk}")`));
  assert.match(await built(chunk), /seldom/);
  assert.match(await built("log.js"), /grown/);
  assert.match(await built("log.css"), /green/);
  assert.match(await built("worker.js"), /ready/);

  await p.write("examples/demo/app.ts", `import { x } from "../../client/missing.ts";\nx();\n`);
  const broken = await p.deno(...command, "tools/bundle.ts");
  assert.equal(broken.success, false);
  assert.match(broken.output, /Cannot bundle examples\/demo\/app\.ts/);
});
