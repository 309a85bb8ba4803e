/**
 * Dead exports: what a source file exports and nobody needs.
 *
 * An export lives when another program file imports it, or when a user of the package can. One
 * that only tests import lives too, but only if its own file uses it: then it is a part that is
 * tested by itself, and otherwise it is code kept for its test. A type also lives when its own
 * file spells it out, since a signature may name it where no importer has to.
 *
 *     deno run --allow-read tools/exports.ts
 *
 * @module
 */

/** Folders whose exports must be needed. */
const SOURCES = ["crypto", "wire", "core", "kv", "routes", "client", "cli"];

/** Folders and files whose imports count as a need. */
const PROGRAMS = [...SOURCES, "examples", "tools", "main.ts"];

const TESTS = ["tests"];

/** One exported name of one file. */
interface Exported {
  readonly name: string;
  readonly line: number;
  readonly type: boolean;
}

/** What a file exports, passes on and imports. */
interface Module {
  readonly path: string;
  readonly text: string;
  readonly exported: readonly Exported[];
  /** Names passed on from another file; the name `*` stands for all of them. */
  readonly passed: readonly { from: string; name: string; as: string }[];
  /** Names imported from another file; the name `*` stands for all of them. */
  readonly imported: readonly { from: string; name: string }[];
}

/** The source with comments blanked out, and with lines where they were. */
function withoutComments(source: string): string {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`/g;
  return source.replaceAll(
    token,
    (text) => text.startsWith("/") ? text.replaceAll(/[^\n]/g, " ") : text,
  );
}

/** The path that a relative specifier means in a file, or null for a package. */
function resolve(from: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) return null;
  return new URL(specifier, `file:///${from}`).pathname.slice(1);
}

/** The names of an import or export clause: `a, type B, c as d`. */
function namesOf(clause: string): { name: string; as: string }[] {
  return clause.split(",").map((part) => part.trim().replace(/^type\s+/, "")).filter(Boolean)
    .map((part) => {
      const [name = "", as = name] = part.split(/\s+as\s+/);
      return { name, as };
    });
}

/** Reads a module's exports and imports out of its text. */
function parse(path: string, source: string): Module {
  const text = withoutComments(source);
  const exported: Exported[] = [];
  const passed: { from: string; name: string; as: string }[] = [];
  const imported: { from: string; name: string }[] = [];
  const lineAt = (index: number) => text.slice(0, index).split("\n").length;

  const declaration =
    /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(function\s*\*?|class|const|let|interface|type)\s+([A-Za-z_$][\w$]*)/gm;
  for (const match of text.matchAll(declaration)) {
    const [, kind = "", name = ""] = match;
    exported.push({ name, line: lineAt(match.index), type: /interface|type/.test(kind) });
  }
  const clause = /^export\s+(?:type\s+)?\{([^}]*)\}\s*(?:from\s*["']([^"']+)["'])?/gm;
  for (const match of text.matchAll(clause)) {
    const from = match[2] === undefined ? null : resolve(path, match[2]);
    for (const { name, as } of namesOf(match[1] ?? "")) {
      if (from !== null) passed.push({ from, name, as });
      else if (match[2] === undefined) {
        exported.push({ name: as, line: lineAt(match.index), type: false });
      }
    }
  }
  const all = /^export\s+(?:type\s+)?\*\s*(?:as\s+([\w$]+)\s+)?from\s*["']([^"']+)["']/gm;
  for (const match of text.matchAll(all)) {
    const from = resolve(path, match[2] ?? "");
    if (from === null) continue;
    if (match[1] === undefined) passed.push({ from, name: "*", as: "*" });
    else imported.push({ from, name: "*" });
  }
  const statement =
    /^import\s+(?:type\s+)?(?:([\w$]+)\s*,?\s*)?(?:\{([^}]*)\}|\*\s+as\s+([\w$]+))?\s*from\s*["']([^"']+)["']/gm;
  for (const match of text.matchAll(statement)) {
    const from = resolve(path, match[4] ?? "");
    if (from === null) continue;
    if (match[1] !== undefined) imported.push({ from, name: "default" });
    for (const { name } of namesOf(match[2] ?? "")) imported.push({ from, name });
    const space = match[3];
    if (space === undefined) continue;
    for (
      const use of text.matchAll(
        new RegExp(`\\b${space.replaceAll("$", "\\$")}\\s*\\.\\s*([\\w$]+)`, "g"),
      )
    ) {
      imported.push({ from, name: use[1] ?? "" });
    }
  }
  // A dynamic import or a module named by URL (a worker) is taken as a need of everything in it.
  for (const match of text.matchAll(/\b(?:import\(|new URL\()\s*["'](\.[^"']+\.ts)["']/g)) {
    const from = resolve(path, match[1] ?? "");
    if (from !== null) imported.push({ from, name: "*" });
  }
  return { path, text, exported, passed, imported };
}

async function* filesUnder(path: string): AsyncIterable<string> {
  const info = await Deno.stat(path).catch(() => null);
  if (info === null) return;
  if (info.isFile) return yield path;
  for await (const entry of Deno.readDir(path)) {
    const inner = `${path}/${entry.name}`;
    if (entry.isDirectory) yield* filesUnder(inner);
    else if (entry.name.endsWith(".ts")) yield inner;
  }
}

async function modulesUnder(paths: readonly string[]): Promise<Map<string, Module>> {
  const modules = new Map<string, Module>();
  for (const path of paths) {
    for await (const file of filesUnder(path)) {
      modules.set(file, parse(file, await Deno.readTextFile(file)));
    }
  }
  return modules;
}

/** Marks a name of a file, and what it is passed on from, as needed. */
function mark(modules: Map<string, Module>, live: Set<string>, path: string, name: string): void {
  const key = `${path} ${name}`;
  const module = modules.get(path);
  if (module === undefined || live.has(key)) return;
  live.add(key);
  if (name === "*") {
    for (const { name } of module.exported) mark(modules, live, path, name);
  }
  for (const link of module.passed) {
    if (link.name === "*") mark(modules, live, link.from, name);
    else if (name === "*" || name === link.as) mark(modules, live, link.from, link.name);
  }
}

/** How often a name occurs in a module's own text, its declaration included. */
function occurrences(module: Module, name: string): number {
  return [
    ...module.text.matchAll(new RegExp(`(?<![\\w$])${name.replaceAll("$", "\\$")}(?![\\w$])`, "g")),
  ].length;
}

async function packageEntries(): Promise<string[]> {
  const config = JSON.parse(await Deno.readTextFile("deno.json"));
  const exported: unknown = config.exports ?? {};
  const paths = typeof exported === "string" ? [exported] : Object.values(exported as object);
  return paths.map((path) => String(path).replace(/^\.\//, ""));
}

/** One sentence for each dead export, in the order of files. */
async function deadExports(): Promise<string[]> {
  const programs = await modulesUnder(PROGRAMS);
  const tests = await modulesUnder(TESTS);
  const needed = new Set<string>();
  const tested = new Set<string>();
  for (const entry of await packageEntries()) mark(programs, needed, entry, "*");
  for (const module of programs.values()) {
    for (const { from, name } of module.imported) mark(programs, needed, from, name);
  }
  for (const module of tests.values()) {
    for (const { from, name } of module.imported) mark(programs, tested, from, name);
    for (const { from, name } of module.passed) mark(programs, tested, from, name);
  }
  const dead: string[] = [];
  for (const module of [...programs.values()].sort((a, b) => a.path < b.path ? -1 : 1)) {
    if (!SOURCES.some((folder) => module.path.startsWith(`${folder}/`))) continue;
    for (const { name, line, type } of module.exported) {
      if (needed.has(`${module.path} ${name}`)) continue;
      const own = occurrences(module, name) > 1;
      if (own && (type || tested.has(`${module.path} ${name}`))) continue;
      const where = `${module.path}:${line}: ${name}`;
      if (own) dead.push(`${where} is used in this file alone: drop the export.`);
      else if (tested.has(`${module.path} ${name}`)) {
        dead.push(`${where} is used by tests alone: delete both, or use it.`);
      } else dead.push(`${where} is used nowhere: delete it.`);
    }
  }
  return dead;
}

if (import.meta.main) {
  const dead = await deadExports();
  for (const line of dead) console.log(line);
  console.log(dead.length === 0 ? "every export is needed" : `${dead.length} dead exports`);
  if (dead.length > 0) Deno.exit(1);
}
