/**
 * Somebody between two people who compare: Mallory holds a session with each, knows everything that is sent,
 * and says to either what she likes, when she likes. That the log would have told on her is left out here.
 *
 * How often both show the same is measured on the first 8 bits of the code, where it happens, and on the 24
 * that people compare, where it should not.
 *
 * @module
 */

import assert from "node:assert/strict";
import { type Bytes } from "../../crypto/bytes.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { type SasBase, sasCode, sasCommitment } from "../../crypto/sas.ts";
import { SasExchange } from "../../crypto/sas_exchange.ts";

const RUNS = 10_000;
/** Her nonces that she has ready in each run, to choose from by what she has seen. */
const CANDIDATES = 4;

/** What both people show at the end. */
type Shown = readonly [Bytes, Bytes];

/** Her two sessions; that their bindings are the same is the best that she can do. */
function sessions(): [SasBase, SasBase] {
  const context = randomBytes(32);
  return [{ context, secret: randomBytes(32) }, { context, secret: randomBytes(32) }];
}

/** The first bits of a code as a number. */
function bitsOf(code: Bytes, bits: number): number {
  return (code[0]! << 16 | code[1]! << 8 | code[2]!) >>> (24 - bits);
}

/** Her nonce whose code is nearest to another code, as far as she can know hers. */
function nearest(target: Bytes, codeOf: (nonce: Bytes) => Bytes): Bytes {
  const candidates = Array.from({ length: CANDIDATES }, () => randomBytes(32));
  const wanted = bitsOf(target, 24);
  const distances = candidates.map((nonce) => Math.clz32(bitsOf(codeOf(nonce), 24) ^ wanted));
  return candidates[distances.indexOf(Math.max(...distances))]!;
}

/** What she can try; Alice is 0 and Bob 1 in both sessions, so that she is 1 to Alice and 0 to Bob. */
const STRATEGIES: Readonly<Record<string, (a: SasBase, b: SasBase) => Shown>> = {
  "hands every message on as it is"(a, b) {
    const [alice, bob] = [new SasExchange(a, 0, 1), new SasExchange(b, 1, 0)];
    bob.takeCommitment(alice.begin());
    const { reveal, code } = alice.takeNonce(bob.agree());
    return [code, bob.takeReveal(reveal)];
  },
  "has Bob's nonce before she answers Alice"(a, b) {
    const [alice, bob] = [new SasExchange(a, 0, 1), new SasExchange(b, 1, 0)];
    alice.begin();
    const own = randomBytes(32);
    bob.takeCommitment(sasCommitment(b, 0, own));
    const theirs = bob.agree();
    const target = sasCode(b, roles(own, theirs));
    // What Alice will reveal she can only guess.
    const guess = randomBytes(32);
    const answer = nearest(target, (nonce) => sasCode(a, roles(guess, nonce)));
    return [alice.takeNonce(answer).code, bob.takeReveal(own)];
  },
  "has Alice's code before she commits to Bob"(a, b) {
    const [alice, bob] = [new SasExchange(a, 0, 1), new SasExchange(b, 1, 0)];
    alice.begin();
    const { code } = alice.takeNonce(randomBytes(32));
    // What Bob will answer she can only guess.
    const guess = randomBytes(32);
    const own = nearest(code, (nonce) => sasCode(b, roles(nonce, guess)));
    bob.takeCommitment(sasCommitment(b, 0, own));
    bob.agree();
    return [code, bob.takeReveal(own)];
  },
  "answers both, who both began"(a, b) {
    const [alice, bob] = [new SasExchange(a, 0, 1), new SasExchange(b, 1, 0)];
    alice.begin();
    bob.begin();
    const { code } = alice.takeNonce(randomBytes(32));
    const guess = randomBytes(32);
    const turned = { initiator: 1, responder: 0, initiatorNonce: guess };
    const answer = nearest(code, (nonce) => sasCode(b, { ...turned, responderNonce: nonce }));
    return [code, bob.takeNonce(answer).code];
  },
  "begins with both"(a, b) {
    const [alice, bob] = [new SasExchange(a, 0, 1), new SasExchange(b, 1, 0)];
    const [toAlice, toBob] = [randomBytes(32), randomBytes(32)];
    alice.takeCommitment(sasCommitment(a, 1, toAlice));
    bob.takeCommitment(sasCommitment(b, 0, toBob));
    // Both codes are settled as soon as both have answered.
    alice.agree();
    bob.agree();
    return [alice.takeReveal(toAlice), bob.takeReveal(toBob)];
  },
};

/** Alice's or Bob's roles where the one before began. */
function roles(initiatorNonce: Bytes, responderNonce: Bytes) {
  return { initiator: 0, responder: 1, initiatorNonce, responderNonce };
}

for (const [strategy, play] of Object.entries(STRATEGIES)) {
  Deno.test(`whoever is in the middle has one guess a try: she ${strategy}`, () => {
    let [short, whole] = [0, 0];
    for (let run = 0; run < RUNS; run++) {
      const [a, b] = play(...sessions());
      if (bitsOf(a, 8) === bitsOf(b, 8)) short++;
      if (bitsOf(a, 24) === bitsOf(b, 24)) whole++;
    }
    const expected = RUNS / 256;
    const sigma = Math.sqrt(expected * (1 - 1 / 256));
    const off = (short - expected) / sigma;
    say(
      `she ${strategy}: ${RUNS.toLocaleString("en")} tries; first 8 bits alike ${short} times, ` +
        `${expected.toFixed(1)} expected (${off.toFixed(1)} sigma); all 24 bits alike ${whole} ` +
        `times, ${(RUNS / 2 ** 24).toFixed(4)} expected`,
    );
    assert.ok(Math.abs(off) <= 4, `${short} of ${RUNS}`);
    assert.equal(whole, 0);
  });
}

Deno.test("without the commitment she would search for a code that is alike, and find it", () => {
  // The same derivation, and messages in the other order: Alice's nonce is in the clear before Mallory
  // has to say hers.
  const bits = 12;
  const runs = 20;
  let tries = 0;
  const begun = performance.now();
  for (let run = 0; run < runs; run++) {
    const [a, b] = sessions();
    const [alices, own, bobs] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const target = bitsOf(sasCode(b, roles(own, bobs)), bits);
    let found: Bytes | null = null;
    for (let i = 0; found === null && i < 40 * 2 ** bits; i++, tries++) {
      const candidate = randomBytes(32);
      const code = sasCode(a, roles(alices, candidate));
      if (bitsOf(code, bits) === target) found = candidate;
    }
    assert.ok(found !== null);
    assert.equal(bitsOf(sasCode(a, roles(alices, found)), bits), target);
  }
  const seconds = (performance.now() - begun) / 1000;
  say(
    `without the commitment: ${runs} of ${runs} tries end alike in ${bits} bits, after ` +
      `${Math.round(tries / runs).toLocaleString("en")} nonces each; at this rate 24 bits take ` +
      `${(seconds / tries * 2 ** 24).toFixed(0)} s here on one core`,
  );
});

Deno.test("with the commitment nothing that she found later can take its place", () => {
  const [, b] = sessions();
  const bob = new SasExchange(b, 1, 0);
  bob.takeCommitment(sasCommitment(b, 0, randomBytes(32)));
  bob.agree();
  assert.throws(() => bob.takeReveal(randomBytes(32)), { code: "sas_reveal" });
  assert.throws(() => bob.takeCommitment(randomBytes(32)), { code: "sas_repeated" });
});

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}
