/**
 * The keys of a group call, for whoever brings a stack of their own: one member's state (`GroupMember`),
 * the commits that all of them follow, and what they say to each other.
 *
 * A member is told what happens, with the time, and gives effects, which its owner carries out: signs,
 * seals, sends, and hands keys to the media. Nothing here has a clock, a network or a private key.
 *
 * Whoever uses it notes durably under which keys it sends, before the first frame, and never sends under them
 * again: a member that was cut off and comes back is given the present keys, and has lost its counters.
 *
 * Its keys are sender keys: whoever is in the call can make any other member's. They keep out everybody
 * else, and say nothing about which member a frame is from.
 *
 * @module
 */

export { type Bytes } from "./bytes.ts";
export {
  type ChainHead,
  type Commit,
  type CommitType,
  openCommit,
  signCommit,
  type SignedCommit,
} from "./commit.ts";
export { CryptoError, type CryptoErrorCode } from "./error.ts";
export { Generation } from "./generation.ts";
export { type GroupEffect } from "./group_effect.ts";
export {
  type Heartbeat,
  openHeartbeat,
  type SignedHeartbeat,
  signHeartbeat,
} from "./group_message.ts";
export { GroupMember, type GroupMemberOptions } from "./group_member.ts";
export { parseVerifyingKey, type purpose, type SigningKeyPair, type VerifyingKey } from "./keys.ts";
export { type Retirement } from "./live_generations.ts";
export { type Roster, type RosterChange, type Seat } from "./roster.ts";
export { CTX, type Ctx, type Exporter, type GenerationName } from "./schedule.ts";
export { type Secret } from "./secret.ts";
export { type FrameKey, type FrameSuite } from "./sframe.ts";
export { encodeSnapshot, openSnapshot, type Snapshot } from "./snapshot.ts";
export { StepAhead } from "./step_ahead.ts";
export { type verified } from "./verified.ts";
