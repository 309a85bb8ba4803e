/**
 * DTLS fingerprints: the certificates that a side promised under its identity, compared with what
 * its SDP says before connecting, and with what DTLS really saw after.
 *
 * @module
 */

import { type Bytes, toHex } from "../crypto/bytes.ts";
import { type Description } from "../wire/payload.ts";
import { type MediaAdapter } from "./adapter.ts";
import { ClientError } from "./error.ts";
import { withinStackTime } from "./within.ts";

/** One's own SDP together with the certificates it names. */
export function describe(sdp: string): Description {
  return { sdp, fingerprints: [...new Set(fingerprintsOf(sdp))] };
}

/**
 * Checks an SDP against the promised certificates: every `a=fingerprint` is SHA-256 and promised,
 * there is one, and only one certificate is promised for the call.
 *
 * @throws ClientError `fingerprint_mismatch`
 */
export function checkDescription({ sdp, fingerprints }: Description): void {
  const named = fingerprintsOf(sdp);
  if (fingerprints.length !== 1 || named.length === 0) throw mismatch();
  if (!named.every((fingerprint) => fingerprint === fingerprints[0])) throw mismatch();
}

/**
 * Checks a later SDP of the same call: it promises and names the certificate of the first one.
 *
 * @throws ClientError `fingerprint_mismatch`
 */
export function checkSameCertificate(first: Description, later: Description): void {
  checkDescription(later);
  if (later.fingerprints[0] !== first.fingerprints[0]) throw mismatch();
}

/**
 * Checks the certificates that DTLS saw against the promised one.
 *
 * @param certificates SHA-256 of each transport's peer certificate, 32 bytes each
 * @throws ClientError `fingerprint_mismatch`
 */
export function checkCertificates(
  { fingerprints }: Description,
  certificates: readonly Bytes[],
): void {
  const seen = certificates.map(toHex);
  if (seen.length === 0 || !seen.every((hash) => hash === fingerprints[0])) throw mismatch();
}

/**
 * Waits for DTLS, and checks that it ends where the other side promised.
 *
 * @throws ClientError `fingerprint_mismatch`, `media_failed`
 */
export async function awaitPromised(adapter: MediaAdapter, theirs: Description): Promise<void> {
  checkCertificates(theirs, await withinStackTime(adapter.connected()));
}

/** The fingerprints an SDP names, in hex; one of another hash than SHA-256 matches nothing. */
function fingerprintsOf(sdp: string): string[] {
  const lines = sdp.split(/\r\n|\n|\r/).filter((line) => /^a=fingerprint:/i.test(line));
  return lines.map((line) => {
    const match = /^a=fingerprint:sha-256 ([0-9a-f]{2}(?::[0-9a-f]{2}){31})\s*$/i.exec(line);
    return match === null ? "other" : match[1]!.replaceAll(":", "").toLowerCase();
  });
}

function mismatch(): ClientError {
  return new ClientError(
    "fingerprint_mismatch",
    "The media connection would end at another machine than the one that was verified",
  );
}
