/**
 * The gate: every check that a change must pass, in the order in which people want to know.
 *
 * Each check runs whatever the ones before it said, prints one line with its time, and shows its
 * own output only when it fails. It changes no file under version control.
 *
 *     deno run --allow-read --allow-run tools/ok.ts [--no-test]
 *
 * @module
 */

/** One check: its name, and what Deno is asked to do. */
interface Check {
  readonly name: string;
  readonly args: readonly string[];
}

const CODE_WITH_EXAMPLES = ["client", "crypto", "wire"];

/** A tool of this folder, with the permissions its header asks for. */
function tool(file: string, flags: readonly string[], args: readonly string[] = []): string[] {
  return ["run", "--quiet", ...flags, `tools/${file}`, ...args];
}

/** The modules that users of the package import. */
async function entryPoints(): Promise<string[]> {
  const config = JSON.parse(await Deno.readTextFile("deno.json"));
  const exported: unknown = config.exports ?? {};
  return typeof exported === "string" ? [exported] : Object.values(exported as object);
}

/** The pages whose examples are checked: the README and what stands in `docs/`. */
async function pages(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of [".", "docs"]) {
    if (await Deno.stat(folder).catch(() => null) === null) continue;
    for await (const file of Deno.readDir(folder)) {
      if (file.isFile && file.name.endsWith(".md")) found.push(`${folder}/${file.name}`);
    }
  }
  return found.sort();
}

async function checks(withTests: boolean): Promise<Check[]> {
  const entries = await entryPoints();
  const bundling = ["--unstable-bundle", "--allow-read", "--allow-write=dist"];
  const asking = ["--allow-read", "--allow-run"];
  const examples = ["check", "--quiet", "--doc-only", ...CODE_WITH_EXAMPLES, ...await pages()];
  const all: Check[] = [
    { name: "format", args: ["fmt", "--check"] },
    { name: "lint", args: ["lint", "--quiet"] },
    { name: "types", args: ["check", "--quiet"] },
    {
      name: "types without a runtime",
      args: tool("check_dom.ts", [...asking, "--allow-write=dist"]),
    },
    { name: "tests", args: ["task", "test"] },
    { name: "documentation", args: ["doc", "--lint", "--quiet", ...entries] },
    { name: "documented examples", args: examples },
    { name: "rules and claims", args: tool("claims.ts", ["--allow-read"]) },
    { name: "dead exports", args: tool("exports.ts", ["--allow-read"]) },
    { name: "size budget", args: tool("size.ts", bundling) },
    { name: "public API", args: tool("api.ts", asking, ["--check"]) },
    { name: "publish, dry run", args: ["publish", "--dry-run", "--allow-dirty"] },
  ];
  return all.filter((check) => withTests || check.name !== "tests");
}

function seconds(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}

/** Runs one check and prints its line; true where it passed. */
async function run(check: Check): Promise<boolean> {
  const start = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...check.args],
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  console.log(`${success ? "✓" : "✗"} ${check.name} (${seconds(start)})`);
  if (success) return true;
  for (const bytes of [stdout, stderr]) {
    const text = new TextDecoder().decode(bytes).trimEnd();
    if (text !== "") console.log(text.replaceAll(/^/gm, "    "));
  }
  return false;
}

async function main(args: readonly string[]): Promise<number> {
  const start = performance.now();
  const failed: string[] = [];
  const all = await checks(!args.includes("--no-test"));
  for (const check of all) {
    if (!await run(check)) failed.push(check.name);
  }
  const passed = `${all.length - failed.length} of ${all.length} checks passed`;
  console.log(`${passed} in ${seconds(start)}`);
  if (failed.length === 0) return 0;
  console.log(`Not ok: ${failed.join(", ")}.`);
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
