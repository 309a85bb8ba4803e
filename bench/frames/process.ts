/**
 * The entry for Deno and Node: `process.js [rounds]`.
 *
 * @module
 */

import { measure } from "./measure.ts";

const { process } = globalThis as unknown as { process: { argv: string[] } };
await measure(Number(process.argv[2] ?? "30"), say);

function say(line: string): void {
  // deno-lint-ignore no-console
  console.log(line);
}
