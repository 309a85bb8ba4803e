/**
 * What every adapter must do, whatever stack it is on, with a relay between that lies: Alice and Carol
 * send, Bob receives both. One function holds for all adapters; a stack gives its stage.
 *
 * @module
 */

import assert from "node:assert/strict";

/** What the relay does with the frames that come while it does it. */
export type Relaying =
  | "honest"
  /** Each frame twice. */
  | "replay"
  /** Each pair of frames the other way round. */
  | "reorder"
  /** None. */
  | "drop"
  /** Alice's frames as Carol's, and the other way round. */
  | "swap"
  /** One bit of each is another one. */
  | "flip"
  /** Frames of its own in the clear, in the place of each. */
  | "plaintext";

/** What the relay gave Bob meanwhile. */
export interface Relayed {
  /** Frames that left Alice and Carol. */
  readonly left: number;
  /** Frames as they were sent, for the first time. */
  readonly honest: number;
  /** Frames that Bob must refuse. */
  readonly lied: number;
}

/** Alice, Carol and Bob on one stack, with the relay between them. */
export interface Stage {
  /** Opens all three gates; with other keys than theirs, Bob's too. */
  start(bobsKeys: "same" | "other"): Promise<void>;
  /** Lets both send on all media for a while, and waits until what was relayed is dealt with. */
  relay(relaying: Relaying): Promise<Relayed>;
  /** Bob's counts, over everything that he receives. */
  bob(): Promise<Counts>;
  /** Closes Alice's, Carol's and Bob's adapters; the relay stays. */
  close(): Promise<void>;
  /** Clears the stage. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** What became of the frames that Bob was given. */
export interface Counts {
  /** Opened. */
  readonly opened: number;
  /** Refused, over all codes. */
  readonly refused: number;
}

/** How each lie ends: every frame that was meddled with is refused and counted, all others open. */
const LIES: readonly Relaying[] = ["replay", "reorder", "drop", "swap", "flip", "plaintext"];

/** Holds an adapter to the contract. @param open sets a new stage */
export async function keepsContract(
  t: Deno.TestContext,
  open: () => Promise<Stage>,
): Promise<void> {
  await t.step("nothing leaves before there are keys, and nothing after the end", async () => {
    await using stage = await open();
    assert.deepEqual(await stage.relay("honest"), { left: 0, honest: 0, lied: 0 });
    await stage.start("same");
    assert.ok((await stage.relay("honest")).left > 0, "nothing is sent at all");
    await stage.close();
    const before = await stage.bob();
    assert.equal((await stage.relay("honest")).left, 0);
    assert.deepEqual(await stage.bob(), before);
    await assert.rejects(stage.start("same"));
  });

  await t.step(
    "every frame opens with the keys, whatever else the relay does with others",
    async () => {
      await using stage = await open();
      await stage.start("same");
      await expect(stage, "honest");
      for (const lie of LIES) {
        await expect(stage, lie);
        await expect(stage, "honest");
      }
    },
  );

  await t.step("no frame opens with other keys, and each is counted", async () => {
    await using stage = await open();
    await stage.start("other");
    const before = await stage.bob();
    const { honest } = await stage.relay("honest");
    assert.ok(honest > 0);
    const { opened, refused } = await stage.bob();
    assert.deepEqual({ opened, refused: refused - before.refused }, { opened: 0, refused: honest });
  });
}

async function expect(stage: Stage, relaying: Relaying): Promise<void> {
  const before = await stage.bob();
  const { left, honest, lied } = await stage.relay(relaying);
  const after = await stage.bob();
  assert.ok(left > 0, `${relaying}: nothing was sent`);
  const isLie = relaying === "swap" || relaying === "flip" || relaying === "plaintext";
  // Otherwise the relay did not do what it is here for.
  assert.equal(lied > 0, isLie || relaying === "replay", `${relaying}: ${lied} lies`);
  assert.equal(honest > 0, !isLie && relaying !== "drop", `${relaying}: ${honest} frames as sent`);
  assert.deepEqual(
    { relaying, opened: after.opened - before.opened, refused: after.refused - before.refused },
    { relaying, opened: honest, refused: lied },
  );
}
