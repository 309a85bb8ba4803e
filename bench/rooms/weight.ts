/**
 * How much memory a server's process has, told to whoever asks with a line; the garbage is collected
 * before, or the figure would be that of the collector's habits.
 *
 * @module
 */

import { createInterface } from "node:readline";

const COLLECTIONS = 4;

/** Says that the server is there, and answers each line with the resident bytes. */
export async function answerWeight(): Promise<void> {
  const { process, gc } = globalThis as unknown as {
    process: { stdin: never; memoryUsage: { rss(): number } };
    gc?: () => void;
  };
  if (gc === undefined) throw new Error("a server of the benchmark runs with --expose-gc");
  say("ready");
  for await (const _ of createInterface({ input: process.stdin })) {
    for (let i = 0; i < COLLECTIONS; i++) {
      gc();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    say(String(process.memoryUsage.rss()));
  }
}

function say(text: string): void {
  // deno-lint-ignore no-console
  console.log(text);
}
