/**
 * The project's verdict on a vector: keys through their parsers, everything through
 * `crypto/primitives.ts`, as the protocol uses them.
 *
 * ML-KEM is judged in both ways that there are, WebCrypto's where the runtime has it and noble's
 * always; one verdict comes back only where they agree.
 *
 * @module
 */

import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";
import { type Bytes, concat, equal } from "../../../crypto/bytes.ts";
import { CryptoError } from "../../../crypto/error.ts";
import {
  parseAgreementKey,
  parseEncapsulationKey,
  parseVerifyingKey,
} from "../../../crypto/keys.ts";
import {
  aesOpen,
  aesSeal,
  constantTimeEqual,
  ed25519Verify,
  hkdfExpand,
  hkdfExtract,
  hmacSha256,
  importAesKey,
  type KemPrivateKey,
  mlKem768Decapsulate,
  mlKem768Encapsulate,
  x25519,
} from "../../../crypto/primitives.ts";
import { withoutNativeKem } from "../../support/portable.ts";
import { importScalar } from "../../support/scalar.ts";
import { ACCEPTS, type Algorithm, DIFFERS, type Field, nameOf, REFUSES_KEY } from "./case.ts";

/** The verdict of `crypto/`; an error that is not its own comes back as "throws" and its name. */
export function oursOn(algorithm: Algorithm, field: Field): Promise<string> {
  return verdictOf(() => JUDGES[algorithm](field));
}

async function verdictOf(judge: () => Promise<string>): Promise<string> {
  try {
    return await judge();
  } catch (error) {
    if (error instanceof CryptoError) return `refuses (${error.code})`;
    return `throws ${nameOf(error)}`;
  }
}

const JUDGES: Readonly<Record<Algorithm, (field: Field) => Promise<string>>> = {
  "X25519": async (field) => {
    const key = parsed(parseAgreementKey, field("public"));
    if (key === null) return REFUSES_KEY;
    return same(await x25519(await importScalar(field("private")), key), field("shared"));
  },
  "X25519 unparsed": async (field) => {
    const scalar = await importScalar(field("private"));
    return same(await x25519(scalar, field("public")), field("shared"));
  },
  "Ed25519": async (field) => {
    const key = parsed(parseVerifyingKey, field("pk"));
    if (key === null) return REFUSES_KEY;
    return await ed25519Verify(key, field("msg"), field("sig")) ? ACCEPTS : "refuses";
  },
  "AES-GCM": async (field) => {
    const key = await importAesKey(field("key"));
    const [nonce, ad, msg] = [field("iv"), field("aad"), field("msg")];
    const sealed = concat(field("ct"), field("tag"));
    const opened = await aesOpen(key, nonce, ad, sealed);
    if (opened === null) return "refuses";
    return both(same(opened, msg), same(await aesSeal(key, nonce, ad, msg), sealed));
  },
  "HKDF-SHA-256": (field) => {
    const key = hkdfExtract(field("salt"), field("ikm"));
    return Promise.resolve(same(hkdfExpand(key, field("info"), sizeOf(field)), field("okm")));
  },
  "HMAC-SHA-256": (field) => {
    const [tag, whole] = [field("tag"), hmacSha256(field("key"), field("msg"))];
    const holds = constantTimeEqual(whole.slice(0, tag.length), tag);
    return Promise.resolve(holds ? ACCEPTS : "refuses");
  },
  "ML-KEM-768 encaps": async (field) => {
    const key = parsed(parseEncapsulationKey, field("ek"));
    if (key === null) return REFUSES_KEY;
    const sizes = async () => {
      const { ciphertext, shared } = await mlKem768Encapsulate(key);
      return ciphertext.length === 1088 && shared.length === 32 ? ACCEPTS : DIFFERS;
    };
    // Only noble takes the randomness of a vector.
    const known = ml_kem768.encapsulate(key, field("m"));
    return both(
      both(await sizes(), await withoutNativeKem(sizes)),
      both(
        same(known.cipherText as Bytes, field("c")),
        same(known.sharedSecret as Bytes, field("K")),
      ),
    );
  },
  "ML-KEM-768 keygen": async (field) => {
    const key = parseEncapsulationKey(field("ek"));
    const made = ml_kem768.keygen(field("seed"));
    let verdict = both(
      same(made.publicKey as Bytes, field("ek")),
      same(made.secretKey as Bytes, field("dk")),
    );
    const makers = [() => mlKem768Encapsulate(key)];
    makers.push(() => withoutNativeKem(() => mlKem768Encapsulate(key)));
    for (const make of makers) {
      const { ciphertext, shared } = await make();
      for (const keyOf of privateKeyMakers()) {
        const opened = await mlKem768Decapsulate(await keyOf(field("seed")), ciphertext);
        verdict = both(verdict, same(opened, shared));
      }
    }
    return verdict;
  },
  "ML-KEM-768 decaps": async (field) => {
    const seed = field("seed");
    const verdicts: string[] = [];
    for (const keyOf of privateKeyMakers()) {
      const verdict = await verdictOf(async () =>
        same(await mlKem768Decapsulate(await keyOf(seed), field("c")), field("K"))
      );
      // A private key is never a stranger's: that it is no key is told by whoever finds out, each
      // with an error of its own.
      const noKey = seed.length !== 64 && verdict.startsWith("throws ");
      verdicts.push(noKey ? "refuses the private key" : verdict);
    }
    return verdicts.reduce(both);
  },
};

/** What a parser made of the bytes, or null where it refused them as it says it does. */
function parsed<Key>(parse: (bytes: Bytes) => Key, bytes: Bytes): Key | null {
  try {
    return parse(bytes);
  } catch (error) {
    if (error instanceof CryptoError && error.code === "bad_key") return null;
    throw error;
  }
}

function same(result: Bytes, expected: Bytes): string {
  return equal(result, expected) ? ACCEPTS : DIFFERS;
}

/** One verdict where two agree, and both where they don't. */
export function both(one: string, other: string): string {
  return one === other ? one : `${one}; ${other}`;
}

function sizeOf(field: Field): number {
  const [high, middle, low] = field("size");
  return (high ?? 0) << 16 | (middle ?? 0) << 8 | (low ?? 0);
}

/** The seed itself, which noble's works from, and WebCrypto's key of it where there is one. */
function privateKeyMakers(): readonly ((seed: Bytes) => Promise<KemPrivateKey>)[] {
  const usages = ["decapsulateBits"] as unknown as KeyUsage[];
  const native = (seed: Bytes) =>
    crypto.subtle.importKey("raw-seed" as "raw", seed, "ML-KEM-768", false, usages);
  const portable = (seed: Bytes) => Promise.resolve(seed);
  return "encapsulateBits" in crypto.subtle ? [portable, native] : [portable];
}
