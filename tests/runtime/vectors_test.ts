import assert from "node:assert/strict";
import { ownVectors } from "../support/own_vectors.ts";
import { FILES, type FoundByFile, type Way } from "../vectors/check.ts";
import { type Json, runEverywhere } from "./everywhere.ts";

const CHECK = new URL("../vectors/check.ts", import.meta.url);

Deno.test("every runtime sends and takes the very bytes of the vectors", async () => {
  const input = await ownVectors() as unknown as Json;
  const all = await runEverywhere<Record<Way, FoundByFile>>(CHECK, input);
  for (const { runtime, version, output } of all) {
    for (const way of ["own", "portable"] as const) {
      const counts = FILES.map((file) => output[way][file]);
      for (const { differences } of counts) {
        assert.deepEqual(differences, [], `${runtime}, ${way}`);
      }
      const sum = (what: "checks" | "equal" | "refused") =>
        counts.reduce((total, one) => total + one[what], 0);
      say(
        `${runtime} ${version}, ${way} primitives: ${sum("checks")} checks, ` +
          `${sum("equal")} equal values, ${sum("refused")} refusals`,
      );
    }
    assert.deepEqual(output, all[0]!.output, runtime);
  }
});

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
