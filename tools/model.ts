/**
 * Asks ProVerif what `docs/model/` asks, and prints its answers as rows of the table there.
 *
 * A question is a `.pv` file. The comment at its head says what is asked, and in which worlds:
 *
 *     run as built: x25519 mlkem symmetric entry static handshake -> true, false
 *
 * which is to say: with these parts (`.pvl`, in this order) before it, the answers of ProVerif to
 * its queries, in their order, are these. The program is `proverif` in PATH, or what the environment
 * calls PROVERIF. Without it nothing is answered, and nothing is claimed to be.
 *
 *     deno run --allow-read --allow-run --allow-env tools/model.ts [question ...]
 *
 * @module
 */

/** The folder of the model. */
const FOLDER = "docs/model";

/** One question in one world. */
export interface Run {
  /** The file's name without `.pv`. */
  readonly question: string;
  /** What the world is called. */
  readonly world: string;
  /** The parts that stand before it, in their order. */
  readonly parts: readonly string[];
  /** What ProVerif is expected to say of each query. */
  readonly answers: string;
}

/** What ProVerif said, and how long it took. */
export interface Outcome {
  readonly answers: string;
  readonly seconds: number;
}

/** Every run of every question, in the order of their names. */
export async function runsOf(root: string): Promise<readonly Run[]> {
  const runs: Run[] = [];
  const names: string[] = [];
  for await (const { name } of Deno.readDir(`${root}/${FOLDER}`)) {
    if (name.endsWith(".pv")) names.push(name.slice(0, -3));
  }
  for (const question of names.sort()) {
    const text = await Deno.readTextFile(`${root}/${FOLDER}/${question}.pv`);
    const head = /^\(\*([\s\S]*?)\*\)/.exec(text)?.[1] ?? "";
    const found = [...head.matchAll(/^\s*run (.+?): ([a-z0-9_ ]+?)\s*->\s*(.+)$/gm)];
    if (found.length === 0) throw new Error(`${question}.pv says of no world what is true in it`);
    for (const [, world, parts, answers] of found) {
      runs.push({ question, world: world!, parts: parts!.split(" "), answers: answers!.trim() });
    }
  }
  return runs;
}

/** The program's name, or null where there is none that runs. */
export async function proverif(): Promise<string | null> {
  const program = Deno.env.get("PROVERIF") ?? "proverif";
  try {
    await new Deno.Command(program, { args: ["-help"], stdout: "null", stderr: "null" }).output();
    return program;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** Asks one question in one world. */
export async function ask(root: string, program: string, run: Run): Promise<Outcome> {
  const start = performance.now();
  const { stdout, stderr } = await new Deno.Command(program, {
    args: [...run.parts.flatMap((part) => ["-lib", `${part}.pvl`]), `${run.question}.pv`],
    cwd: `${root}/${FOLDER}`,
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stdout);
  const answers = said.split("\n").map(answerIn).filter((answer) => answer !== null);
  if (answers.length === 0) throw new Error(said.slice(-500) + new TextDecoder().decode(stderr));
  return { answers: answers.join(", "), seconds: (performance.now() - start) / 1000 };
}

/** The answer in a line of ProVerif's; what it says of a query's encoding is none of its own. */
function answerIn(line: string): string | null {
  return /^RESULT (?!\().* (?:is )?(true|false|cannot be proved)\.$/.exec(line)?.[1] ?? null;
}

/** A row of the table, and as many words more as say what is wrong with it. */
async function report(program: string, run: Run): Promise<boolean> {
  const { answers, seconds } = await ask(".", program, run);
  const { question, world } = run;
  const wrong = answers === run.answers ? "" : ` expected: ${run.answers}`;
  console.log(`| \`${question}\` | ${world} | ${answers} | ${seconds.toFixed(1)} |${wrong}`);
  return wrong === "";
}

async function main(wanted: readonly string[]): Promise<number> {
  const program = await proverif();
  if (program === null) {
    console.log("There is no ProVerif here (PATH, or PROVERIF): nothing was asked.");
    return 1;
  }
  let right = true;
  for (const run of await runsOf(".")) {
    if (wanted.length > 0 && !wanted.includes(run.question)) continue;
    right = await report(program, run) && right;
  }
  return right ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
