/**
 * The public API as text, so that a change of it shows in review.
 *
 * Writes `docs/api.txt` from what `deno doc` says about each entry point in `exports` of
 * `deno.json`, without paths and line numbers. With `--check` it changes nothing, and fails at the
 * first difference.
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

/** What `deno doc` prints for a module, without where things are defined. */
async function describe(module: string): Promise<string> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["doc", module],
    env: { NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  if (!output.success) throw new Error(`Cannot document ${module}: ${text(output.stderr)}`);
  return text(output.stdout)
    .split("\n")
    .filter((line) => !line.startsWith("Defined in ") && !line.startsWith("file:///"))
    .map((line) => line.trimEnd())
    .join("\n")
    .replaceAll(/\n{3,}/g, "\n\n")
    .trim();
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
