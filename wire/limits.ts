/**
 * Every limit of the service, in its units. Published in `/.well-known/countersign` and `welcome`,
 * those of the formats in `crypto/` included.
 *
 * @module
 */

import { MAX_ONE_TIME_PREKEYS } from "../crypto/prekey.ts";
import { MAX_RECORD_BYTES } from "../crypto/record.ts";

export { MAX_ONE_TIME_PREKEYS, MAX_RECORD_BYTES };

/** Longest HTTP request body in bytes. */
export const MAX_BODY_BYTES = 65_536;
/** How long an HTTP request may take, its body included, in milliseconds. */
export const REQUEST_TIMEOUT_MS = 10_000;
/** How long bringing a record may take, which waits until witnesses cosigned it, in milliseconds. */
export const RECORD_TIMEOUT_MS = 30_000;
/** Longest account label in characters. */
export const MAX_LABEL_CHARS = 128;
/** How far a new record's own date may be from the service's clock, in milliseconds. */
export const MAX_RECORD_SKEW_MS = 600_000;
/** Most records at once that would be refused, and are looked for in the log all the same. */
export const RESTORE_BURST = 32;
/** How long until one more of these is looked for, in milliseconds. */
export const RESTORE_REFILL_MS = 1_000;
/** How long a reset may be cancelled and nothing else may follow on it, in milliseconds. */
export const RESET_DELAY_MS = 259_200_000;
/** Longest authorization of a name, in characters. */
export const MAX_AUTHORIZATION_CHARS = 8_192;
/** How long a grant of a name may be good for, in milliseconds. */
export const GRANT_TTL_MS = 600_000;
/** Longest prekey set in bytes. */
export const MAX_PREKEY_SET_BYTES = 2_048;
/** Longest access token in characters. */
export const MAX_TOKEN_CHARS = 4_096;
/** Longest DPoP proof in characters. */
export const MAX_PROOF_CHARS = 4_096;
/** Longest `jti` of a DPoP proof in characters. */
export const MAX_JTI_CHARS = 128;
/** Longest WebSocket frame in bytes. */
export const MAX_FRAME_BYTES = 32_768;
/** Longest frame before a socket has authenticated, in bytes. */
export const MAX_FIRST_FRAME_BYTES = 8_192;
/** Most frames of one connection that cannot be read. */
export const MAX_UNREADABLE_FRAMES = 10;
/** Longest opaque payload of a `signal`, and longest offer of a `ring`, in bytes before base64url. */
export const MAX_CT_BYTES = 20_480;
/** Longest common part of a `ring`, in bytes before base64url. */
export const MAX_COMMON_BYTES = 1_344;
/** Most offers of a `ring`: one for each device that an account can have. */
export const MAX_OFFERS = 8;
/** How long a socket has to authenticate, in milliseconds. */
export const AUTH_DEADLINE_MS = 5_000;
/** Life of an access token, in milliseconds. */
export const TOKEN_TTL_MS = 600_000;
/** How long a live socket may outlast its token, in milliseconds. */
export const TOKEN_GRACE_MS = 60_000;
/** Life of a DPoP nonce, and how far a proof's clock may be off, in milliseconds. */
export const PROOF_TTL_MS = 60_000;
/** Most members of a room. */
export const MAX_ROOM_MEMBERS = 250;
/** Most rooms of one connection. */
export const MAX_ROOMS_PER_CONNECTION = 20;
/** Most connections of one account, those included that ended while their peer keeps them open. */
export const MAX_CONNECTIONS_PER_ACCOUNT = 10;
/** Most sockets that have not signed in, or have ended while their peer keeps them open. */
export const MAX_LINGERING_SOCKETS = 2_048;
/** Most of these of one address: an IPv4 address, or 64 bits of an IPv6 address. */
export const MAX_WAITING_SOCKETS_PER_PREFIX = 64;
/** Most sockets of one such address. */
export const MAX_SOCKETS_PER_PREFIX = 200;
/** Most rings of one account to another at once. */
export const RING_BURST_PER_PAIR = 6;
/** How long until one account may ring another once more, in milliseconds. */
export const RING_REFILL_PER_PAIR_MS = 10_000;
/** Most rings of one account by everybody at once. */
export const RING_BURST_PER_CALLEE = 30;
/** How long until an account may be rung once more, in milliseconds. */
export const RING_REFILL_PER_CALLEE_MS = 1_000;
/** Most prekey sets that one device publishes at once. */
export const PREKEYS_BURST = 8;
/** How long until a device may publish one more, in milliseconds. */
export const PREKEYS_REFILL_MS = 600_000;
/** Most one-time prekeys of a device that one account takes at once; beyond, bundles come without one. */
export const OPK_BURST_PER_PAIR = 6;
/** How long until one account may take another's next, in milliseconds. */
export const OPK_REFILL_PER_PAIR_MS = 600_000;
/** Most one-time prekeys of a device that everybody together takes at once. */
export const OPK_BURST_PER_CALLEE = 16;
/** How long until there is one more for everybody, in milliseconds. */
export const OPK_REFILL_PER_CALLEE_MS = 3_600_000;
/** Most targets of one `signal` that lists them. */
export const MAX_SIGNAL_TARGETS = 16;
/** How long a connection outlives its socket, in milliseconds. */
export const RESUME_WINDOW_MS = 120_000;
/** Most frames that are kept for a connection until it acks them. */
export const REPLAY_FRAMES = 256;
/** Most bytes of frames that are kept for a connection until it acks them. */
export const REPLAY_BYTES = 262_144;
/** Most connections that outlive their sockets at a time; beyond, the oldest end. */
export const MAX_AWAY_CONNECTIONS = 10_000;
/** Most bytes of frames that are kept for all of these together. */
export const MAX_AWAY_BYTES = 134_217_728;
/** A client acks at the latest after so many numbered frames. */
export const ACK_FRAMES = 16;
/** A client acks at the latest so long after a numbered frame, in milliseconds. */
export const ACK_MS = 2_000;
/** How often an instance of several renews its lease, in milliseconds. */
export const INSTANCE_RENEW_MS = 5_000;
/** After what time without a renewal the others give an instance up, in milliseconds. */
export const INSTANCE_DEAD_MS = 15_000;
/** How often an instance looks into its inbox unasked, in milliseconds. */
export const INSTANCE_POLL_MS = 5_000;
/** How long an instance may take to hand a connection over, in milliseconds. */
export const INSTANCE_ASK_MS = 2_000;
/** Longest sealed metadata of a room or a member, in bytes before base64url. */
export const MAX_META_BYTES = 1_024;
/** Most who wait at one room's door. */
export const MAX_KNOCKERS = 32;
/** Most people whom a managed room knows by name: in it, or let in before. */
export const MAX_ROOM_PEOPLE = 250;
/** How long a guest that asks for no further room token keeps its place among these, in milliseconds. */
export const ROOM_GUEST_TTL_MS = 7_200_000;
/** Most identities that one room keeps out. */
export const MAX_ROOM_BANS = 250;
/** Most invites of one room at a time. */
export const MAX_ROOM_INVITES = 32;
/** Most uses of one invite. */
export const MAX_INVITE_USES = 1_000;
/** Longest life of an invite, in milliseconds. */
export const MAX_INVITE_TTL_MS = 2_592_000_000;
/** How long a managed room nobody comes to is kept, in milliseconds. */
export const ROOM_TTL_MS = 2_592_000_000;
/** Most open managed rooms of one creator. */
export const MAX_ROOMS_PER_CREATOR = 20;
/** Longest life of a room token, in milliseconds. */
export const ROOM_TOKEN_TTL_MS = 3_600_000;
/** Most entries of an account's mailbox. */
export const MAX_MAILBOX_ENTRIES = 64;
/** Most bytes of an account's mailbox. */
export const MAX_MAILBOX_BYTES = 262_144;
/** Most entries of one sender in an account's mailbox. */
export const MAX_MAILBOX_PER_SENDER = 8;
/** How long a ring waits for a device that is not there, in milliseconds. */
export const RING_TTL_MS = 60_000;
/** How long a missed call is noted, in milliseconds. */
export const MISSED_TTL_MS = 86_400_000;
/** Longest life of a message in a mailbox, in milliseconds. */
export const MAX_MAIL_TTL_MS = 604_800_000;
/** Most messages at once that one account leaves for another that never asked for any. */
export const CONTACT_BURST_PER_PAIR = 2;
/** How long until it may leave one more, in milliseconds. */
export const CONTACT_REFILL_PER_PAIR_MS = 43_200_000;
/** Most such messages at once that everybody together leaves for one account. */
export const CONTACT_BURST_PER_CALLEE = 16;
/** How long until it takes one more, in milliseconds. */
export const CONTACT_REFILL_PER_CALLEE_MS = 3_600_000;
/** Most requests for one account's mail that wait at once. */
export const MAX_MAIL_WAITERS = 4;
/** Most requests for mail that wait at once, of everybody. */
export const MAX_ALL_MAIL_WAITERS = 1_024;
/** Longest that a request for mail waits, in milliseconds. */
export const MAX_MAIL_WAIT_MS = 25_000;
/** How long before it closes its sockets a service that stops says so, in milliseconds. */
export const DRAIN_NOTICE_MS = 500;
/** Within how long clients come back by chance after that, in milliseconds. */
export const DRAIN_JITTER_MS = 2_000;
/** Steady frames a second of one connection. */
export const FRAMES_PER_SECOND = 30;
/** Frames of one connection at once. */
export const FRAME_BURST = 120;
/** Steady deliveries a second that the signals of one connection ask for: one for each receiver. */
export const FAN_OUT_PER_SECOND = 600;
/** Such deliveries of one connection at once. */
export const FAN_OUT_BURST = 2_400;
/** Steady joins a second of one connection. */
export const JOINS_PER_SECOND = 5;
/** Joins of one connection at once: all the rooms that it may be in, and to spare. */
export const JOIN_BURST = 25;
/** Most times at once that the connections of one identity are gone on with. */
export const RESUME_BURST = 60;
/** How long until one of them is gone on with once more, in milliseconds. */
export const RESUME_REFILL_MS = 1_000;
/** How often the service pings a silent socket, in milliseconds. */
export const HEARTBEAT_MS = 20_000;
/** How long the socket of a device that was removed may stay open, in milliseconds. */
export const DEVICE_CHECK_MS = 5_000;
/** Bytes that may wait for a slow reader before nothing more is read from it. */
export const SOFT_BUFFERED_BYTES = 262_144;
/** Bytes that may wait for a slow reader before it is cut off. */
export const MAX_BUFFERED_BYTES = 1_048_576;
/** Length of a room id in bytes. */
export const ROOM_ID_BYTES = 16;
/** Longest member id in characters. */
export const MAX_MEMBER_ID_CHARS = 32;
/** Longest idempotency key of a frame, in characters. */
export const MAX_FRAME_ID_CHARS = 64;
/** How many idempotency keys of one connection are remembered. */
export const REMEMBERED_FRAME_IDS = 256;
/** Longest URL of a push subscription, in characters. */
export const MAX_PUSH_ENDPOINT_CHARS = 2_048;
/** Most push subscriptions that one device brings at once. */
export const PUSH_SUBSCRIPTION_BURST = 8;
/** How long until a device may bring one more, in milliseconds. */
export const PUSH_SUBSCRIPTION_REFILL_MS = 60_000;
/** Most pushes to one device at once. */
export const PUSH_BURST_PER_DEVICE = 10;
/** How long until a device is pushed to once more, in milliseconds. */
export const PUSH_REFILL_PER_DEVICE_MS = 10_000;
/** Length of a push message before it is sealed, padding included, in bytes. */
export const PUSH_MESSAGE_BYTES = 128;
/** Most pushes under way, those included that are tried again. */
export const MAX_PUSHES = 1_024;
/** Most pushes under way to one push service. */
export const MAX_PUSHES_PER_SERVICE = 512;
/** How long a push service may take to answer, in milliseconds. */
export const PUSH_TIMEOUT_MS = 10_000;
/** How often a push is tried. */
export const PUSH_ATTEMPTS = 5;
/** Life of the TURN credentials of a device, in milliseconds. */
export const TURN_TTL_MS = 3_600_000;
/** Most TURN credentials that one device asks for at once. */
export const ICE_BURST = 10;
/** How long until a device may ask for one more, in milliseconds. */
export const ICE_REFILL_MS = 60_000;
/** How long a new device waits to be linked, in milliseconds. */
export const LINK_TTL_MS = 300_000;
/** Most messages of each device while they are linked. */
export const MAX_LINK_MESSAGES = 4;
/** Longest of these messages in bytes. */
export const MAX_LINK_MESSAGE_BYTES = 4_096;
/** Most devices that begin to be linked at once. */
export const LINK_BURST = 100;
/** How long until one more may begin, in milliseconds. */
export const LINK_REFILL_MS = 500;
/** Most requests at once for the slot of two devices, by whoever knows it. */
export const LINK_ASK_BURST = 60;
/** How long until one more request for that slot is answered, in milliseconds. */
export const LINK_ASK_REFILL_MS = 150;
/** Longest `Idempotency-Key` in characters. */
export const MAX_IDEMPOTENCY_KEY_CHARS = 64;
/** How long the answer to a request with such a key is kept, in milliseconds. */
export const IDEMPOTENCY_TTL_MS = 86_400_000;
/** Most requests of one account with such a key at once. */
export const IDEMPOTENCY_BURST = 100;
/** How long until an account may send one more, in milliseconds. */
export const IDEMPOTENCY_REFILL_MS = 10_000;
/** How long a managed room that ended says so to those who were in it, in milliseconds. */
export const ENDED_ROOM_TTL_MS = 86_400_000;
/** Longest name that an embedder's backend gives a user, in characters. */
export const MAX_EMBEDDER_SUB_CHARS = 127;
