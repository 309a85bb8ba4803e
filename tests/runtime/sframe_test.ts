import assert from "node:assert/strict";
import { sframeVectors } from "../support/sframe_vectors.ts";
import { type Found } from "../vectors/tally.ts";
import { runEverywhere } from "./everywhere.ts";

const CHECK = new URL("./checks/sframe.ts", import.meta.url);

Deno.test("every vector of RFC 9605 holds in every runtime", async () => {
  const vectors = await sframeVectors();
  if (vectors === null) return;
  const counts = Object.values(vectors).map((list) => list.length);
  assert.deepEqual(counts, [289, 6, 8]);
  for (const { runtime, version, output } of await runEverywhere<Found[]>(CHECK, vectors)) {
    assert.equal(output.length, 2, runtime);
    for (const { differences, equal, refused } of output) {
      assert.deepEqual(differences, [], runtime);
      // Three of a header and two more below 2^53, where 14 of the 17 boundary values lie; two of an
      // AEAD; three of a frame, and two more of suites 4 and 5.
      assert.equal(equal, 3 * 289 + 2 * 14 * 14 + 2 * 6 + 3 * 8 + 2 * 2, runtime);
      assert.equal(refused, 17 * 17 - 14 * 14, runtime);
    }
    say(
      `${runtime} ${version}: ${output[0]!.equal} equal values, with its own functions or without`,
    );
  }
});

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
