/**
 * The Countersign client: register a name, look people up, call them, with end-to-end encryption
 * that the connecting service can neither read nor forge.
 *
 * ```ts
 * import { Client, memoryStore } from "@countersign/countersign";
 * import { browserAdapter } from "@countersign/countersign/browser";
 *
 * declare const camera: MediaStream;
 * declare const worker: () => Worker;
 *
 * const client = await Client.open({ service: "https://calls.example", store: memoryStore() });
 * await client.register("alice");
 * await client.goOnline();
 *
 * const adapter = browserAdapter({
 *   worker,
 *   audio: camera.getAudioTracks()[0] ?? null,
 *   video: camera.getVideoTracks()[0] ?? null,
 *   onTrack: (track) => console.log("receiving", track.kind),
 * });
 * const call = await client.call("bob", adapter);
 * for await (const state of call.states()) console.log(state);
 * ```
 *
 * @module
 */

export { type MediaAdapter, type MediaFailure, type MediaStats } from "./adapter.ts";
export { type Call, type CallEnd, type CallState, type RelayedMessage, type Said } from "./call.ts";
export { Client } from "./client.ts";
export type { Comparison, ComparisonState } from "./comparison.ts";
export { type Standing } from "./contact.ts";
export { type CallOptions, type ClientOptions, type RegisterOptions } from "./options.ts";
export { type DeviceInfo } from "./device_info.ts";
export { ClientError, type ClientErrorCode } from "./error.ts";
export { type IncomingCall, type RingEnd } from "./ringing.ts";
export type { KnownPerson, Verification } from "./verification.ts";
export { type Peer } from "./peer.ts";
export { type GuestOptions, joinAsGuest } from "./guest_options.ts";
export {
  type CreateRoomOptions,
  type Happening,
  type InviteInfo,
  type InviteOptions,
  type JoinRoomOptions,
  type Meeting,
  type MessageReceipt,
  type RoomEvent,
  type RoomInfo,
  type RoomMember,
  type RoomMessage,
} from "./meeting.ts";
// As types alone: a bundler would load these modules for any other export.
export type { AuthorizationBinding, Authorize } from "./authorization.ts";
export type { Joining, JoinOptions, Linking } from "./link.ts";
export type { IceServer } from "./ice.ts";
export type { PushSubscriptionData } from "./push.ts";
export type {
  GroupCall,
  GroupCallOptions,
  GroupEnd,
  GroupEvent,
  GroupParticipant,
} from "./group_call.ts";
export type { MissedCall } from "./missed_calls.ts";
export type { Finding } from "./monitor.ts";
export { type Changes, memoryStore, type Store, type Stored } from "./store.ts";
export { type Bytes } from "../crypto/bytes.ts";
export {
  type CallKeys,
  CTX,
  type Ctx,
  type Exporter,
  type GenerationName,
  type KeyChange,
  type MediaExporter,
} from "../crypto/schedule.ts";
export { type FrameKey, type FrameSuite } from "../crypto/sframe.ts";
export { PROBLEM_STATUS, type ProblemCode } from "../wire/problem.ts";
export { type RecordKind } from "../crypto/record.ts";
export type { ShortCode } from "../crypto/sas_table.ts";
export { type AuthMethod } from "../crypto/record_auth.ts";
export { type LinkCodeKind } from "../crypto/link_code.ts";
export { type RemovalReason, type Role } from "../wire/frames.ts";
export { type HangupReason } from "../wire/payload.ts";
