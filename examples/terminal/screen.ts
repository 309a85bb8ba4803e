/**
 * What the demo prints: numbered steps with their time, and under each what proves it.
 *
 * Colours only on a terminal, and not where `NO_COLOR` is set.
 *
 * @module
 */

/** Where the demo writes. */
export interface Screen {
  /** The heading. */
  title(text: string): void;
  /** Runs a step, then prints its line with the time it took. */
  step<T>(text: string, work: () => Promise<T> | T): Promise<T>;
  /** A fact under the step. */
  fact(name: string, text: string): void;
  /** A fact that has to hold; counted where it does not. */
  check(text: string, holds: boolean): void;
  /** The last line. */
  summary(text: string): void;
  /** How many checks failed. */
  readonly failures: number;
}

const WIDTH = 76;
const NAME_WIDTH = 9;

/** A screen on standard output. */
export function openScreen(): Screen {
  const isPlain = Deno.noColor || !Deno.stdout.isTerminal();
  const paint = (code: number, text: string) => isPlain ? text : `\x1b[${code}m${text}\x1b[0m`;
  const [bold, dim, red, green, cyan] = [1, 2, 31, 32, 36]
    .map((code) => (text: string) => paint(code, text)) as [Paint, Paint, Paint, Paint, Paint];
  let steps = 0;
  let failures = 0;

  return {
    title: (text) => console.log(`\n${bold(text)}`),
    async step(text, work) {
      const start = performance.now();
      const number = String(++steps).padStart(2);
      const result = await work();
      const time = `${withCommas(performance.now() - start)} ms`;
      const dots = ".".repeat(Math.max(2, WIDTH - text.length - time.length));
      console.log(`\n${cyan(number)}  ${bold(text)} ${dim(dots)} ${time}`);
      return result;
    },
    fact: (name, text) => console.log(`    ${dim(name.padEnd(NAME_WIDTH))} ${text}`),
    check(text, holds) {
      if (!holds) failures++;
      console.log(`    ${(holds ? green("✓") : red("✗")).padEnd(1)} ${text}`);
    },
    summary: (text) => console.log(`\n${(failures === 0 ? green : red)(text)}`),
    get failures() {
      return failures;
    },
  };
}

type Paint = (text: string) => string;

/** A whole number with commas, such as 123,456. */
export function withCommas(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** The first bytes in hex, and as text where they are letters. */
export function hexLine(bytes: Uint8Array, count = 20): string {
  const head = [...bytes.subarray(0, count)];
  const hex = head.map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const text = head.map((byte) => byte >= 32 && byte < 127 ? String.fromCharCode(byte) : "·");
  return `${hex}  ${text.join("")}`;
}
