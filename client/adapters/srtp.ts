/**
 * SRTP keys for stacks that encrypt packets themselves, as GStreamer and FFmpeg do: master key and master
 * salt of each direction, from the secret that frame keys come from.
 *
 *     key || salt = MediaExport("srtp", u16 profile || u16 index, Nk + Ns)
 *
 * The key agreement is the session's, so no DTLS and no key in the SDP is needed, and the service has
 * neither. A stack takes its keys where another `MediaAdapter` would open its gate: in `start`.
 *
 * One master key serves all streams of its sender, RTP and RTCP: each stream needs an SSRC of its own,
 * because nonces are made of the SSRC and the packet's index (RFC 3711, section 9.1; RFC 7714, section
 * 8.1). Each epoch of the call has its own: a stack that is told `install` takes what that generation's
 * peer sends with, and at `use` sends with the newest generation's; at `retire` it lets go of the old.
 * Where packets say which they are under, MKI is one byte, `(epoch & 15) << 4 | step & 15`; a stack without
 * MKI tries the newest and the one before. Packets carry their headers in the clear,
 * and the audio level with them where that extension is on (RFC 6464).
 *
 * @module
 */

import { toBase64 } from "../../crypto/base64.ts";
import { type Bytes, concat } from "../../crypto/bytes.ts";
import { Writer } from "../../crypto/codec.ts";
import { type CallKeys, type GenerationName } from "../../crypto/schedule.ts";

/** A protection profile of SRTP, under its name in the registry of SDP security descriptions. */
export type SrtpProfile =
  | "AES_CM_128_HMAC_SHA1_80"
  | "AEAD_AES_128_GCM"
  | "AEAD_AES_256_GCM";

/** What one side encrypts with. */
export interface SrtpMasterKey {
  /** 16 or 32 bytes. */
  readonly key: Bytes;
  /** 14 bytes, or 12 for the profiles with GCM. */
  readonly salt: Bytes;
  /** Key and salt in base64, as stacks take them behind `inline:` (RFC 4568, section 6.1). */
  readonly inline: string;
}

/** The keys of both directions of a call. */
export interface SrtpKeys {
  /** The profile that they are for. */
  readonly profile: SrtpProfile;
  /** What is sent is encrypted with. */
  readonly send: SrtpMasterKey;
  /** What the peer sends is decrypted with. */
  readonly recv: SrtpMasterKey;
}

/** By name: the number in DTLS-SRTP's registry, and bytes of key and salt (RFC 5764, RFC 7714). */
const PROFILES: Readonly<Record<SrtpProfile, readonly [id: number, key: number, salt: number]>> = {
  AES_CM_128_HMAC_SHA1_80: [0x0001, 16, 14],
  AEAD_AES_128_GCM: [0x0007, 16, 12],
  AEAD_AES_256_GCM: [0x0008, 32, 12],
};

/**
 * The SRTP keys of a call between two, of one generation. Both sides have to name the same profile: under
 * another one nothing opens.
 *
 * @param generation by default the one in use
 * @throws CryptoError `unknown_key` where that one is over, `spent` once the call is
 * @throws RangeError for another profile
 */
export function srtpKeys(
  keys: CallKeys,
  profile: SrtpProfile,
  generation?: GenerationName,
): SrtpKeys {
  if (!Object.hasOwn(PROFILES, profile)) throw new RangeError("SRTP has no such profile here");
  return {
    profile,
    send: masterKey(keys, profile, keys.self, generation),
    recv: masterKey(keys, profile, 1 - keys.self, generation),
  };
}

function masterKey(
  keys: CallKeys,
  profile: SrtpProfile,
  sender: number,
  generation?: GenerationName,
): SrtpMasterKey {
  const [id, keyBytes, saltBytes] = PROFILES[profile];
  const context = new Writer().u16(id).u16(sender).bytes();
  const bytes = keys.mediaExporter("srtp", context, keyBytes + saltBytes, generation);
  const [key, salt] = [bytes.slice(0, keyBytes), bytes.slice(keyBytes)];
  return { key, salt, inline: toBase64(concat(key, salt)) };
}
