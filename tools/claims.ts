/**
 * Holds the documents to the tests: every numbered rule of the protocol, and every claim of the
 * threat model, names a test that exists.
 *
 * A test is named as `` `tests/flow/x_test.ts` "words of its title" ``. In PROTOCOL.md the rows of the
 * last table begin with the rules they hold; in THREAT_MODEL.md every row of a table with a column
 * "test" names one. The words stand in one string of that file, since titles also come out of tables
 * of cases, and are long enough to mean one test.
 *
 *     deno run --allow-read tools/claims.ts
 *
 * @module
 */

const PROTOCOL = "docs/PROTOCOL.md";
const THREAT_MODEL = "docs/THREAT_MODEL.md";

/** Fewer words could be those of anything. */
const MIN_TITLE_CHARS = 12;

/** One mention of a test. */
interface Mention {
  readonly file: string;
  readonly title: string;
}

/** Everything that is wrong with the documents of a project. */
export async function brokenClaims(root: string): Promise<readonly string[]> {
  const protocol = await Deno.readTextFile(`${root}/${PROTOCOL}`);
  const model = await Deno.readTextFile(`${root}/${THREAT_MODEL}`);
  const faults = [...unheldRules(protocol), ...untestedClaims(model)];
  for (const [document, text] of [[PROTOCOL, protocol], [THREAT_MODEL, model]] as const) {
    for (const mention of mentionsIn(text)) {
      const fault = await faultOf(root, mention);
      if (fault !== null) faults.push(`${document}: ${fault}`);
    }
  }
  return faults;
}

function mentionsIn(text: string): Mention[] {
  const pattern = /`(tests\/[a-z0-9_/]+_test\.ts)`\s+"([^"]+)"/g;
  return [...text.matchAll(pattern)].map(([, file, title]) => ({ file: file!, title: title! }));
}

function unheldRules(protocol: string): string[] {
  const rules = [...protocol.matchAll(/^- \*\*([A-Z][0-9]+)\*\*/gm)].map(([, rule]) => rule!);
  const held = new Set<string>();
  for (
    const [, cell, rest] of protocol.matchAll(/^\| ([A-Z][0-9]+(?:, [A-Z][0-9]+)*) *\|(.*)$/gm)
  ) {
    if (mentionsIn(rest!).length > 0) cell!.split(", ").forEach((rule) => held.add(rule));
  }
  const twice = rules.filter((rule, i) => rules.indexOf(rule) !== i);
  return [
    ...rules.filter((rule) => !held.has(rule)).map((rule) => `${PROTOCOL}: no test holds ${rule}`),
    ...twice.map((rule) => `${PROTOCOL}: two rules are called ${rule}`),
  ];
}

function untestedClaims(model: string): string[] {
  const faults: string[] = [];
  let column = -1;
  for (const line of model.split("\n")) {
    const cells = line.startsWith("|")
      ? line.split("|").slice(1, -1).map((cell) => cell.trim())
      : null;
    if (cells === null) column = -1;
    else if (column === -1) column = cells.indexOf("test");
    else if (!/^-+$/.test(cells[0]!) && mentionsIn(cells[column] ?? "").length === 0) {
      faults.push(`${THREAT_MODEL}: no test attacks "${cells[0]}"`);
    }
    if (cells !== null && column === -1) column = -2;
  }
  return faults;
}

async function faultOf(root: string, { file, title }: Mention): Promise<string | null> {
  if (title.length < MIN_TITLE_CHARS) return `"${title}" is too short for a test's title`;
  const source = await Deno.readTextFile(`${root}/${file}`).catch(() => "");
  const isThere = stringsIn(source).some((text) => text.includes(title));
  return isThere ? null : `${file} has no test "${title}"`;
}

/** What stands between quotes in a source, comments and the names of modules left out. */
function stringsIn(source: string): string[] {
  const token =
    /\/\/[^\n]*|\/\*[\s\S]*?\*\/|\bfrom\s+"[^"\n]*"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[\s\S]|[^`\\])*`/g;
  return [...source.matchAll(token)].map(([text]) => text)
    .filter((text) => /^["'`]/.test(text))
    .map((text) => text.slice(1, -1));
}

if (import.meta.main) {
  const faults = await brokenClaims(".");
  for (const fault of faults) console.log(fault);
  if (faults.length > 0) Deno.exit(1);
  console.log("Every rule and claim names a test that exists");
}
