/**
 * The operator's settings of witnesses: texts in, settings out.
 *
 *     policy     a C2SP tlog-policy whose witnesses have URLs, and whose quorum needs some of them
 *     auditors   names of witnesses in it, with commas
 *
 * A setting that would have no effect is refused: whoever made it believes in it.
 *
 * @module
 */

import { utf8 } from "../crypto/bytes.ts";
import { CryptoError } from "../crypto/error.ts";
import { ML_DSA_44_SIGNATURE_BYTES } from "../crypto/ml_dsa.ts";
import { NOTE_KEY_TYPE, type VerifierKey } from "../crypto/note_key.ts";
import { type LogPolicy } from "../crypto/policy.ts";
import { parsePolicy } from "../crypto/policy_text.ts";
import { SIGNATURE_BYTES } from "../crypto/primitives.ts";
import { HEARTBEAT_MS, PUBLISH_INTERVAL_MS, type WitnessSettings } from "./publisher.ts";

/** Most bytes that the lines of all witnesses take: a stored head has 64 KiB, with the log's own. */
const MAX_COSIGNATURES_BYTES = 56_000;
/** Key ID and timestamp (C2SP tlog-cosignature), in bytes. */
const COSIGNATURE_HEAD_BYTES = 12;

/** The settings as they were written; empty and absent are the same. */
export interface WitnessTexts {
  /** The path of the policy. */
  readonly policy?: string | undefined;
  /** The auditors' names in it. */
  readonly auditors?: string | undefined;
}

/**
 * The witnesses of some settings, or null where there are none.
 *
 * @param readText reads a file
 * @throws Error with a sentence for the operator
 */
export async function readWitnessSettings(
  texts: WitnessTexts,
  readText: (path: string) => Promise<string>,
): Promise<WitnessSettings | null> {
  const auditors = (texts.auditors ?? "").split(",").map((name) => name.trim())
    .filter((name) => name !== "");
  const path = texts.policy || null;
  if (path === null) {
    if (auditors.length === 0) return null;
    throw new Error("COUNTERSIGN_AUDITORS has no effect without COUNTERSIGN_WITNESS_POLICY");
  }
  const text = await readText(path).catch(() => {
    throw new Error("COUNTERSIGN_WITNESS_POLICY names a file that can't be read");
  });
  const policy = policyIn(text);
  if (policy.quorum === null) {
    throw new Error("COUNTERSIGN_WITNESS_POLICY has no effect: its quorum is none");
  }
  for (const { url } of policy.witnesses) {
    if (url === null) throw new Error("COUNTERSIGN_WITNESS_POLICY has a witness without a URL");
    if (!isSubmissionPrefix(url)) {
      throw new Error("COUNTERSIGN_WITNESS_POLICY has a URL that is not https, nor of loopback");
    }
  }
  const bytes = policy.witnesses.reduce((sum, { key }) => sum + cosignatureBytes(key), 0);
  if (bytes > MAX_COSIGNATURES_BYTES) {
    throw new Error(
      `COUNTERSIGN_WITNESS_POLICY has too many witnesses: their signatures make ${bytes} bytes, ` +
        `of at most ${MAX_COSIGNATURES_BYTES} that a head holds`,
    );
  }
  const names = policy.witnesses.map(({ id }) => id);
  if (auditors.some((name) => !names.includes(name))) {
    throw new Error("COUNTERSIGN_AUDITORS has a name that is no witness of the policy");
  }
  return { policy, auditors, intervalMs: PUBLISH_INTERVAL_MS, heartbeatMs: HEARTBEAT_MS };
}

/** The length of a cosigner's line: a dash, the name, and base64. */
function cosignatureBytes({ name, type }: VerifierKey): number {
  const signature = type === NOTE_KEY_TYPE.mlDsa44 ? ML_DSA_44_SIGNATURE_BYTES : SIGNATURE_BYTES;
  return utf8(`\u2014 ${name} \n`).length + 4 * Math.ceil((COSIGNATURE_HEAD_BYTES + signature) / 3);
}

function policyIn(text: string): LogPolicy {
  try {
    return parsePolicy(text);
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new Error(`COUNTERSIGN_WITNESS_POLICY: ${error.message}`);
  }
}

/** Nobody on the way can forge a cosignature, but they could keep the newest ones from us. */
function isSubmissionPrefix(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.search !== "" || url.hash !== "" || url.username !== "") return false;
  if (url.protocol === "https:") return true;
  return url.protocol === "http:" &&
    /^(localhost|127(\.[0-9]{1,3}){3}|\[::1\])$/.test(url.hostname);
}
