/**
 * The entry for a browser's dedicated worker, where transforms run: takes the number of rounds, says each
 * line, and null at the end.
 *
 * @module
 */

import { measure } from "./measure.ts";
import { pipelines } from "./pipelines.ts";

const scope = globalThis as unknown as {
  onmessage: (event: { readonly data: number }) => void;
  postMessage(line: string | null): void;
};

scope.onmessage = async ({ data: rounds }) => {
  const say = (line: string) => scope.postMessage(line);
  try {
    await measure(rounds, say);
    await pipelines(rounds, say);
  } catch (error) {
    say(`failed: ${error}`);
  }
  scope.postMessage(null);
};
