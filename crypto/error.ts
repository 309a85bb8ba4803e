/**
 * The one error of this folder: a closed code and one sentence, never key material, never a name.
 *
 * Callers decide by `code`; the sentence is for people and for logs.
 *
 * @module
 */

/** Everything that can be wrong with bytes, keys, proofs and messages. */
export type CryptoErrorCode =
  /** Bytes that are not the encoding they claim to be. */
  | "malformed"
  /** A public key that is non-canonical, of small order, or out of range. */
  | "bad_key"
  /** A signature that does not verify. */
  | "bad_signature"
  /** An account label that is not in canonical form. */
  | "bad_label"
  /** A record whose fields or signatures contradict its kind. */
  | "bad_record"
  /** A record that the service erased: its place in the log is proved, its contents are gone. */
  /** A prekey set that does not belong to the device, or whose fields contradict each other. */
  | "bad_prekeys"
  /** A prekey set outside its validity. */
  | "expired_prekeys"
  /** A signed note that is not one, or that a known key signed wrongly. */
  | "bad_note"
  /** A Merkle proof that does not lead to the root. */
  | "bad_proof"
  /** A checkpoint that this log cannot have: of even size, or with another log's CONFIG. */
  | "bad_checkpoint"
  /** An epoch of the log that no honest log has. */
  | "bad_epoch"
  /** A head that the log did not sign: another log's, or another key's. */
  | "other_log"
  /** A head smaller than one that was trusted before. */
  | "head_rolled_back"
  /** Two heads that no one history explains. */
  | "log_forked"
  /** A head that fewer witnesses cosigned than the policy asks for. */
  | "quorum_missing"
  /** A head whose cosignatures are older than the caller accepts. */
  | "stale_head"
  /** A name with fewer versions than it was shown with before. */
  | "version_rolled_back"
  /** A VRF proof that does not verify. */
  | "bad_vrf"
  /** A commitment that does not open to the record. */
  | "bad_commitment"
  /** A handshake message that was refused; deliberately says no more. */
  | "bad_handshake"
  /** A commit of a group call that does not follow on the one before. */
  | "bad_commit"
  /** A sealed message that does not open. */
  | "bad_message"
  /** A media frame that does not open. */
  | "bad_frame"
  /** A media frame seen before; retransmissions are among them. */
  | "duplicate_frame"
  /** A media frame too old to tell whether it was seen before. */
  | "replayed_frame"
  /** A media frame of a key that is not held. */
  | "unknown_key"
  /** A media frame of a codec without an envelope. */
  | "unsupported_codec"
  /** What a comparison revealed is not what it had committed to: somebody tried to choose the code. */
  | "sas_reveal"
  /** A second commitment in one comparison. */
  | "sas_repeated"
  /** A message of a comparison out of its order. */
  | "sas_order"
  /** A comparison that got its own nonce back. */
  | "sas_reflected"
  /** A secret that was already wiped, or a counter that ran out. */
  | "spent";

/** An error of `crypto/`; carries no secrets and no names. */
export class CryptoError extends Error {
  /** Which check failed. */
  readonly code: CryptoErrorCode;

  /** Makes one. @param code which check failed @param message one sentence for people */
  constructor(code: CryptoErrorCode, message: string) {
    super(message);
    this.name = "CryptoError";
    this.code = code;
  }
}
