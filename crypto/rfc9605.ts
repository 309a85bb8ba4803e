/**
 * SFrame (RFC 9605) whole, for conformance and for talking to other implementations: all suites, all
 * 64-bit integers, and the sender keys of section 5.1.
 *
 * Calls use none of it. Most of these suites truncate their tags; whoever has the choice takes 5.
 *
 * @module
 */

export { type Bytes } from "./bytes.ts";
export { type CtrKey } from "./aes_ctr.ts";
export { CryptoError, type CryptoErrorCode } from "./error.ts";
export { encodeWideHeader, readWideHeader, type Uint64, type WideHeader } from "./sframe_header.ts";
export {
  MAX_STEP_BITS,
  ratchetBaseKey,
  type RatchetStart,
  ReceiverRatchet,
  SenderRatchet,
} from "./sframe_ratchet.ts";
export {
  deriveSframeKey,
  openSframe,
  sealSframe,
  type SframeKey,
  type SframeSuite,
} from "./sframe_suites.ts";
