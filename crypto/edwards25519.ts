/**
 * The group of edwards25519 (RFC 8032, section 5.1): points, their encodings and their orders.
 *
 * The curve is built from its parameters, because noble's ready-made `ed25519` brings signatures,
 * Montgomery and Ristretto forms along, which WebCrypto has or nobody here needs. What only computes on
 * frames does not load the curve at all: its construction is marked as free of effects.
 *
 * @module
 */

import { edwards } from "@noble/curves/abstract/edwards.js";

/** A point, in noble's extended coordinates. */
export const Point = /* @__PURE__ */ edwards({
  p: 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffedn,
  n: 0x1000000000000000000000000000000014def9dea2f79cd65812631a5cf5d3edn,
  h: 8n,
  a: 0x7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffecn,
  d: 0x52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3n,
  Gx: 0x216936d3cd6e53fec0a4e231fdd6dc5c692cc7609525a7b2c9562d608f25d51an,
  Gy: 0x6666666666666666666666666666666666666666666666666666666666666658n,
});

/** A point, in noble's extended coordinates. */
export type Point = InstanceType<typeof Point>;

/** The point of RFC 8032, section 5.1.3, or null: y below p, and no negative zero x. */
export function decodePoint(bytes: Uint8Array): Point | null {
  try {
    return Point.fromBytes(bytes, false);
  } catch {
    return null;
  }
}
