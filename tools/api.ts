/**
 * The public API as text, so that a change of it shows in review.
 *
 * Writes `docs/api.txt` from what `deno doc` says about each entry point in `exports` of
 * `deno.json`, without paths and line numbers. A parameter that has a default gets the question mark
 * that `deno doc` does not print. With `--check` it changes nothing, and fails at the first
 * difference.
 *
 *     deno run --allow-read --allow-run --allow-write=docs tools/api.ts [--check]
 *
 * @module
 */

const FILE = "docs/api.txt";

/** The entry points of the package: the name users import, and the module. */
async function entryPoints(): Promise<[string, string][]> {
  const config = JSON.parse(await Deno.readTextFile("deno.json"));
  const exported: unknown = config.exports ?? {};
  if (typeof exported === "string") return [[".", exported]];
  return Object.entries(exported as Record<string, string>);
}

async function denoDoc(...args: string[]): Promise<string> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["doc", ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!output.success) throw new Error(`Cannot document ${args.at(-1)}: ${text(output.stderr)}`);
  return text(output.stdout);
}

/** What `deno doc` prints for a module, without where things are defined. */
async function describe(module: string): Promise<string> {
  const text = (await denoDoc(module))
    .split("\n")
    .filter((line) => !line.startsWith("Defined in ") && !line.startsWith("file:///"))
    .map((line) => line.trimEnd())
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
  // A class or function is a line that is not indented, and what is indented below it.
  const blocks = text.split(/^(?=\S)/m);
  const { nodes } = JSON.parse(await denoDoc("--json", module));
  for (const { symbols = [] } of Object.values<{ symbols?: { name: string }[] }>(nodes)) {
    for (const symbol of symbols) {
      for (const parameter of defaultsIn(symbol, "")) mark(blocks, symbol.name, parameter);
    }
  }
  return blocks.join("");
}

/** A parameter that has a default, and the function or method that has it. */
interface Parameter {
  readonly of: string;
  readonly name: string;
}

function* defaultsIn(node: unknown, of: string): Iterable<Parameter> {
  if (typeof node !== "object" || node === null) return;
  const { kind, name, left } = node as { kind?: unknown; name?: unknown; left?: { name?: string } };
  if (kind === "assign" && left !== undefined) yield { of, name: left.name ?? "its parts" };
  const inside = typeof name === "string" ? name : of;
  for (const child of Object.values(node)) yield* defaultsIn(child, inside);
}

/** Puts the question mark at a parameter, in the block of its class or function. */
function mark(blocks: string[], symbol: string, { of, name }: Parameter): void {
  const head = new RegExp(`^(?:[a-z]+ )*(?:class|function) ${symbol}\\b`);
  const signature = new RegExp(`^( *(?:[a-z]+ )*${of}\\((?:.*?, )?)${name}: `, "gm");
  let isMarked = false;
  for (const [i, block] of blocks.entries()) {
    if (!head.test(block)) continue;
    blocks[i] = block.replaceAll(signature, `$1${name}?: `);
    isMarked ||= blocks[i] !== block;
  }
  if (!isMarked) throw new Error(`Cannot mark ${name} of ${symbol} as optional: name it plainly`);
}

async function publicApi(): Promise<string> {
  const parts: string[] = [];
  for (const [name, module] of await entryPoints()) {
    parts.push(`==== ${name}\n\n${await describe(module)}\n`);
  }
  if (parts.length === 0) throw new Error("deno.json exports nothing");
  return parts.join("\n");
}

/** The first line in which two texts differ, or null where they are the same. */
function firstDifference(before: string, after: string): string | null {
  if (before === after) return null;
  const [old, now] = [before.split("\n"), after.split("\n")];
  let i = 0;
  while (old[i] === now[i]) i++;
  const line = (text: string | undefined) => text === undefined ? "(end of file)" : text;
  return `${FILE}:${i + 1}\n  - ${line(old[i])}\n  + ${line(now[i])}`;
}

async function main(args: readonly string[]): Promise<number> {
  const now = await publicApi();
  if (!args.includes("--check")) {
    await Deno.writeTextFile(FILE, now);
    console.log(`${FILE}: ${now.split("\n").length} lines`);
    return 0;
  }
  const before = await Deno.readTextFile(FILE).catch(() => "");
  const difference = firstDifference(before, now);
  if (difference === null) {
    console.log(`${FILE} describes the public API as it is`);
    return 0;
  }
  console.log(`The public API changed:\n${difference}`);
  console.log("If that is meant, run `deno task api`, and say so in CHANGELOG.md.");
  return 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
