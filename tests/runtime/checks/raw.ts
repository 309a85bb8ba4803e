/**
 * The verdict of the runtime's WebCrypto on a vector, with nothing of the project before it.
 *
 * It says at which step a runtime refuses, because that is where they differ.
 *
 * @module
 */

import { type Bytes, concat, equal } from "../../../crypto/bytes.ts";
import { importScalar } from "../../support/scalar.ts";
import { ACCEPTS, type Algorithm, DIFFERS, type Field, nameOf } from "./case.ts";

const subtle = crypto.subtle as SubtleCrypto & {
  encapsulateBits(algorithm: string, key: CryptoKey): Promise<{ ciphertext: ArrayBuffer }>;
  decapsulateBits(algorithm: string, key: CryptoKey, ciphertext: Bytes): Promise<ArrayBuffer>;
};

/** What WebCrypto does with the vector. */
export async function rawOn(algorithm: Algorithm, field: Field): Promise<string> {
  if (algorithm.startsWith("ML-KEM") && !("encapsulateBits" in subtle)) return "absent";
  const steps: Steps = { now: "" };
  try {
    return await JUDGES[algorithm](field, steps);
  } catch (error) {
    return `${steps.now}: ${nameOf(error)}`;
  }
}

/** The step that is under way, so that an error can be told by it. */
interface Steps {
  now: string;
}

async function agree(field: Field, steps: Steps): Promise<string> {
  const scalar = await importScalar(field("private"));
  steps.now = "import";
  const key = await subtle.importKey("raw", field("public"), "X25519", false, []);
  steps.now = "deriveBits";
  const algorithm = { name: "X25519", public: key };
  const shared = new Uint8Array(await subtle.deriveBits(algorithm, scalar, 256));
  if (shared.every((byte) => byte === 0)) return "gives zero";
  return equal(shared, field("shared")) ? ACCEPTS : DIFFERS;
}

async function importKem(
  format: "raw-seed" | "raw-public",
  bytes: Bytes,
  usage: string,
): Promise<CryptoKey> {
  const usages = [usage] as unknown as KeyUsage[];
  return await subtle.importKey(format as "raw", bytes, "ML-KEM-768", true, usages);
}

const JUDGES: Readonly<Record<Algorithm, (field: Field, steps: Steps) => Promise<string>>> = {
  "X25519": agree,
  "X25519 unparsed": agree,
  "Ed25519": async (field, steps) => {
    steps.now = "import";
    const key = await subtle.importKey("raw", field("pk"), "Ed25519", false, ["verify"]);
    steps.now = "verify";
    return await subtle.verify("Ed25519", key, field("sig"), field("msg")) ? ACCEPTS : "refuses";
  },
  "AES-GCM": async (field, steps) => {
    steps.now = "import";
    const key = await subtle.importKey("raw", field("key"), "AES-GCM", false, ["decrypt"]);
    const algorithm = { name: "AES-GCM", iv: field("iv"), additionalData: field("aad") };
    steps.now = "decrypt";
    const opened = await subtle.decrypt(algorithm, key, concat(field("ct"), field("tag")));
    return equal(new Uint8Array(opened), field("msg")) ? ACCEPTS : DIFFERS;
  },
  "HKDF-SHA-256": async (field, steps) => {
    steps.now = "import";
    const key = await subtle.importKey("raw", field("ikm"), "HKDF", false, ["deriveBits"]);
    const [salt, info] = [field("salt"), field("info")];
    steps.now = "deriveBits";
    const [high, middle, low] = field("size");
    const bits = 8 * ((high ?? 0) << 16 | (middle ?? 0) << 8 | (low ?? 0));
    const made = await subtle.deriveBits({ name: "HKDF", hash: "SHA-256", salt, info }, key, bits);
    return equal(new Uint8Array(made), field("okm")) ? ACCEPTS : DIFFERS;
  },
  "HMAC-SHA-256": async (field, steps) => {
    steps.now = "import";
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await subtle.importKey("raw", field("key"), algorithm, false, ["sign"]);
    steps.now = "sign";
    const tag = field("tag");
    const made = new Uint8Array(await subtle.sign("HMAC", key, field("msg")));
    return equal(made.slice(0, tag.length), tag) ? ACCEPTS : "refuses";
  },
  "ML-KEM-768 encaps": async (field, steps) => {
    steps.now = "import";
    const key = await importKem("raw-public", field("ek"), "encapsulateBits");
    steps.now = "encapsulateBits";
    const { ciphertext } = await subtle.encapsulateBits("ML-KEM-768", key);
    return ciphertext.byteLength === 1088 ? ACCEPTS : DIFFERS;
  },
  "ML-KEM-768 keygen": async (field, steps) => {
    steps.now = "import";
    const key = await importKem("raw-seed", field("seed"), "decapsulateBits");
    steps.now = "export";
    // A private key tells its public half in a JWK only.
    const { pub } = await subtle.exportKey("jwk", key) as { pub?: string };
    const text = (pub ?? "").replaceAll("-", "+").replaceAll("_", "/");
    const made = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    return equal(made, field("ek")) ? ACCEPTS : DIFFERS;
  },
  "ML-KEM-768 decaps": async (field, steps) => {
    steps.now = "import";
    const key = await importKem("raw-seed", field("seed"), "decapsulateBits");
    steps.now = "decapsulateBits";
    const shared = await subtle.decapsulateBits("ML-KEM-768", key, field("c"));
    return equal(new Uint8Array(shared), field("K")) ? ACCEPTS : DIFFERS;
  },
};
