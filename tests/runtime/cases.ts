/**
 * The vectors that others wrote, as cases for every runtime; none is left out.
 *
 * @module
 */

import { vectors } from "../support/vectors.ts";
import { type Algorithm, type Case } from "./checks/case.ts";
import { describePoint, describeScalar } from "./crafted.ts";

type Group = Readonly<Record<string, unknown>> & {
  readonly tests: readonly (Readonly<Record<string, unknown>> & { readonly tcId: number })[];
};

/** Wycheproof's file for each algorithm, and the byte strings of one vector in it. */
const WYCHEPROOF: readonly (readonly [Algorithm, string, readonly string[]])[] = [
  ["X25519", "x25519", ["public", "private", "shared"]],
  ["Ed25519", "ed25519", ["pk", "msg", "sig"]],
  ["AES-GCM", "aes_gcm", ["key", "iv", "aad", "msg", "ct", "tag"]],
  ["HKDF-SHA-256", "hkdf_sha256", ["ikm", "salt", "info", "okm", "size"]],
  ["HMAC-SHA-256", "hmac_sha256", ["key", "msg", "tag"]],
  ["ML-KEM-768 encaps", "mlkem_768_encaps", ["ek", "m", "c", "K"]],
  ["ML-KEM-768 keygen", "mlkem_768_keygen_seed", ["seed", "ek", "dk"]],
  ["ML-KEM-768 decaps", "mlkem_768", ["seed", "c", "K"]],
];

/** What Wycheproof calls valid or acceptable and this project refuses, each by a rule. */
export const NOT_OURS = {
  aes192: "key of 24 bytes",
  nonce: "nonce not of 12 bytes",
  lowOrder: "low order",
  nonCanonical: "non-canonical",
} as const;

/** All of Wycheproof that the protocol has a use for; empty where the vectors are not there. */
export async function wycheproofCases(): Promise<readonly Case[]> {
  const all: Case[] = [];
  for (const [algorithm, file, names] of WYCHEPROOF) {
    const read = await vectors(`wycheproof/${file}_test.json`) as { testGroups: Group[] } | null;
    for (const group of read?.testGroups ?? []) {
      for (const test of group.tests) {
        const { tcId: id, result } = test;
        if (typeof result !== "string") throw new Error(`Vector ${id} of ${file} says nothing`);
        const fields = Object.fromEntries(names.map((name) => [name, hexOf(name, test, group)]));
        const why = whyOf(algorithm, test, group);
        all.push({ algorithm, source: "wycheproof", id, says: result, why, fields });
      }
    }
  }
  return all;
}

/** A byte string of a vector, of its group's key, or a size as three bytes. */
function hexOf(name: string, test: Group["tests"][number], group: Group): string {
  const value = name === "pk" ? (group["publicKey"] as { pk?: unknown }).pk : test[name];
  if (name === "size" && typeof value === "number") return value.toString(16).padStart(6, "0");
  if (typeof value !== "string") throw new Error(`Vector ${test.tcId} has no ${name}`);
  return value;
}

/** What is special about a vector, as far as a rule or a runtime looks at it. */
function whyOf(algorithm: Algorithm, test: Group["tests"][number], group: Group): string {
  const { flags = [], comment = "" } = test as { flags?: readonly string[]; comment?: string };
  switch (algorithm) {
    case "AES-GCM": {
      const sizes: string[] = [];
      if (group["keySize"] === 192) sizes.push(NOT_OURS.aes192);
      if (group["ivSize"] !== 96) sizes.push(NOT_OURS.nonce);
      return sizes.join(", ");
    }
    case "X25519": {
      const words: string[] = [];
      if (flags.includes("LowOrderPublic")) words.push(NOT_OURS.lowOrder);
      if (flags.includes("NonCanonicalPublic")) words.push(NOT_OURS.nonCanonical);
      return words.join(", ");
    }
    default:
      return comment.startsWith("Test vector based on") ? "" : flags.join(", ") || comment;
  }
}

/** The twelve signatures of ed25519-speccheck; empty where the vectors are not there. */
export async function speccheckCases(): Promise<readonly Case[]> {
  const read = await vectors("ed25519/speccheck.json") as
    | { message: string; pub_key: string; signature: string }[]
    | null;
  return (read ?? []).map(({ message, pub_key, signature }, id) => {
    const key = describePoint(pub_key);
    const [r, s] = [describePoint(signature.slice(0, 64)), describeScalar(signature.slice(64))];
    return {
      algorithm: "Ed25519",
      source: "speccheck",
      id,
      says: "disputed",
      why: `${id}: A ${key}; R ${r}; ${s}`,
      fields: { pk: pub_key, msg: message, sig: signature },
    };
  });
}
