/**
 * Requests that are done once, by the key that their client gave them (`Idempotency-Key`).
 *
 *     ["idempotency", SHA-256(scope)] -> Row
 *
 * The scope, in which somebody's name may be, is hashed. The store forgets late, so the row's own time
 * decides.
 *
 * @module
 */

import { type Bytes, equal } from "../crypto/bytes.ts";
import { sha256 } from "../crypto/primitives.ts";
import { answered } from "./store_error.ts";
import { type Decision, transact } from "./transact.ts";

/** What a request was answered. */
export interface KeptAnswer {
  /** The HTTP status. */
  readonly status: number;
  /** The JSON, or null for no body. */
  readonly text: string | null;
}

/** What is known of a key: nothing yet, so that the asker has it now; or what it was used for. */
export type Claim =
  | { readonly kind: "held" }
  | { readonly kind: "in_flight" }
  | { readonly kind: "mismatch" }
  | { readonly kind: "answered"; readonly answer: KeptAnswer };

/** Who holds a key. */
export interface Holder {
  /** Whose key it is, for what, and the key. */
  readonly scope: Bytes;
  /** Tells one's own row from another's. */
  readonly id: string;
}

interface Row {
  readonly expMs: number;
  readonly id: string;
  /** SHA-256 of the request. */
  readonly request: Bytes;
  /** Null while it is under way. */
  readonly answer: KeptAnswer | null;
}

/**
 * Takes a key for a request, where nobody has it.
 *
 * @param request SHA-256 of what is asked
 * @param expMs until when it is held where nothing more is heard, Unix milliseconds
 * @throws StoreError
 */
export function claimKey(
  kv: Deno.Kv,
  { scope, id }: Holder,
  request: Bytes,
  expMs: number,
  nowMs: number,
): Promise<Claim> {
  const key = keyOf(scope);
  return transact<Claim>(kv, async (): Promise<Decision<Claim>> => {
    const { value, versionstamp } = await answered(kv.get<Row>(key));
    if (value !== null && value.expMs > nowMs) {
      if (value.id === id) return { done: { kind: "held" } };
      if (!equal(value.request, request)) return { done: { kind: "mismatch" } };
      if (value.answer === null) return { done: { kind: "in_flight" } };
      return { done: { kind: "answered", answer: value.answer } };
    }
    const row: Row = { expMs, id, request, answer: null };
    return {
      checks: [{ key, versionstamp }],
      mutations: [{ type: "set", key, value: row, expireIn: Math.max(1, expMs - nowMs) }],
      then: { kind: "held" },
    };
  });
}

/**
 * Keeps the answer of a request under its key; with null for the answer the key is free again. Nothing
 * where somebody else has the key by now.
 *
 * @throws StoreError
 */
export function settleKey(
  kv: Deno.Kv,
  { scope, id }: Holder,
  answer: KeptAnswer | null,
  expMs: number,
  nowMs: number,
): Promise<void> {
  const key = keyOf(scope);
  return transact<void>(kv, async (): Promise<Decision<void>> => {
    const { value, versionstamp } = await answered(kv.get<Row>(key));
    if (value?.id !== id || value.answer !== null) return { done: undefined };
    const set: Deno.KvMutation = {
      type: "set",
      key,
      value: { ...value, expMs, answer },
      expireIn: Math.max(1, expMs - nowMs),
    };
    return {
      checks: [{ key, versionstamp }],
      mutations: [answer === null ? { type: "delete", key } : set],
      then: undefined,
    };
  });
}

function keyOf(scope: Bytes): Deno.KvKey {
  return ["idempotency", sha256(scope)];
}
