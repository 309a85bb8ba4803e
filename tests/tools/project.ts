/**
 * A small project in a temporary folder, with the real tools and the real settings, to plant
 * faults in. It never touches the repository itself.
 *
 * @module
 */

const ROOT = new URL("../../", import.meta.url);

const TOOLS = [
  "api.ts",
  "bundle.ts",
  "check_dom.ts",
  "claims.ts",
  "exports.ts",
  "lint/boundaries.ts",
  "lint/layout.ts",
  "ok.ts",
  "size.ts",
];

/** A small project in the shape of this one, on which every check passes. */
export const CLEAN: Readonly<Record<string, string>> = {
  "README.md": '# A project\n\n```ts\nimport { hello } from "@fixture/fixture";\n' +
    "const text: string = hello();\n```\n",
  "LICENSE": "MIT\n",
  "crypto/word.ts": `/**
 * A word.
 *
 * @module
 */

/** The word itself. */
export const WORD = "hello";
`,
  "client/mod.ts": `/**
 * The client.
 *
 * @module
 */

import { WORD } from "../crypto/word.ts";

/** Says the word. */
export function hello(): string {
  return WORD;
}
`,
  "client/adapters/browser.ts": `/**
 * An adapter.
 *
 * @module
 */

import { hello } from "../mod.ts";

/** Says the word twice. */
export function adapt(): string {
  return hello() + hello();
}
`,
  "docs/PROTOCOL.md": `# Rules

- **W1** The word is said.

| rule | test |
| --- | --- |
| W1 | \`tests/hello_test.ts\` "says hello to whoever asks" |
`,
  "docs/THREAT_MODEL.md": `# Claims

| claim | test |
| --- | --- |
| nobody changes the word | \`tests/hello_test.ts\` "says hello to whoever asks" |
`,
  "tests/hello_test.ts": `// Not a greeting of old.
const greeting = "says hello to whoever asks";
Deno.test(greeting, () => {});
`,
};

/** A copy of the small project with the real tools and the real settings. */
export interface Project {
  readonly path: string;
  /** Replaces one file. */
  write(file: string, text: string): Promise<void>;
  /** Runs Deno in the project and gives its verdict and what it printed. */
  deno(...args: string[]): Promise<{ success: boolean; output: string }>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes the small project in a new temporary folder, which goes with it. */
export async function project(): Promise<Project> {
  const path = await Deno.makeTempDir({ prefix: "gate_" });
  const write = async (file: string, text: string) => {
    await Deno.mkdir(new URL(".", `file://${path}/${file}`), { recursive: true });
    await Deno.writeTextFile(`${path}/${file}`, text);
  };
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  await write(
    "deno.json",
    JSON.stringify(
      {
        ...config,
        name: "@fixture/fixture",
        imports: {},
        lock: false,
        tasks: { test: "deno test --quiet tests" },
        exports: { ".": "./client/mod.ts", "./browser": "./client/adapters/browser.ts" },
        publish: { include: ["client/", "crypto/", "LICENSE", "README.md"] },
        lint: {
          rules: config.lint?.rules,
          exclude: ["dist/", "tools/"],
          plugins: ["./tools/lint/boundaries.ts"],
        },
        fmt: { ...config.fmt, exclude: ["dist/", "docs/", "deno.json", "tools/"] },
      },
      null,
      2,
    ),
  );
  for (const file of TOOLS) {
    await write(`tools/${file}`, await Deno.readTextFile(new URL(`tools/${file}`, ROOT)));
  }
  for (const [file, text] of Object.entries(CLEAN)) await write(file, text);
  await Deno.mkdir(`${path}/wire`);
  const deno = async (...args: string[]) => {
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      cwd: path,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    return { success, output: text.decode(stdout) + text.decode(stderr) };
  };
  return {
    path,
    write,
    deno,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
