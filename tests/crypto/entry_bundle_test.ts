import { deepEqual, equal, throws } from "node:assert/strict";
import { concat, utf8 } from "../../crypto/bytes.ts";
import { decodeEntryBundle, encodeEntryBundle } from "../../crypto/entry_bundle.ts";
import { CryptoError } from "../../crypto/error.ts";

Deno.test("a bundle holds its entries behind two bytes of length, and grows at its end", () => {
  const entries = [utf8("a"), new Uint8Array(0), new Uint8Array(65_535).fill(7)];
  const bundle = encodeEntryBundle(entries);
  deepEqual([...bundle.subarray(0, 7)], [0, 1, 97, 0, 0, 255, 255]);
  deepEqual(decodeEntryBundle(bundle, 3), entries);
  const shorter = encodeEntryBundle(entries.slice(0, 2));
  deepEqual(shorter, bundle.subarray(0, shorter.length));
});

Deno.test("a bundle of another count, cut short or with a byte more is refused", () => {
  const bundle = encodeEntryBundle([utf8("one"), utf8("two")]);
  const refused = (error: unknown) => error instanceof CryptoError && error.code === "malformed";
  for (let cut = 0; cut < bundle.length; cut++) {
    throws(() => decodeEntryBundle(bundle.slice(0, cut), 2), refused, `cut to ${cut}`);
  }
  throws(() => decodeEntryBundle(concat(bundle, Uint8Array.of(0)), 2), refused);
  throws(() => decodeEntryBundle(bundle, 1), refused);
  throws(() => decodeEntryBundle(bundle, 3), refused);
  equal(decodeEntryBundle(new Uint8Array(0), 0).length, 0);
});
