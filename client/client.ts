/**
 * The client: one account on one service, its calls out and in.
 *
 * @module
 */

import { type AccountLabel, canonicalAccountLabel } from "../crypto/account_label.ts";
import { fromBase64Url } from "../crypto/base64.ts";
import { type Bytes } from "../crypto/bytes.ts";
import { type Account, JOINING, loadAccount, type Registry } from "./account.ts";
import { type MediaAdapter } from "./adapter.ts";
import { checkStore } from "./argument.ts";
import type { Authorize } from "./authorization.ts";
import { type Call } from "./call.ts";
import { readCell } from "./cell.ts";
import { type DeviceInfo, devicesOf } from "./device_info.ts";
import { lookUp } from "./directory.ts";
import { Doorbell } from "./doorbell.ts";
import { ClientError, toClientError } from "./error.ts";
import { Http } from "./http.ts";
import { type MissedCall, MissedCalls } from "./missed_calls.ts";
import type { HeldIce, IceServer } from "./ice.ts";
import { pinnedPolicy } from "./known_log.ts";
import type { Joining, JoinOptions, Linking } from "./link.ts";
import type { CreateRoomOptions, JoinRoomOptions, Meeting, RoomInfo } from "./meeting.ts";
import type { Finding } from "./monitor.ts";
import { type CallOptions, type ClientOptions, type RegisterOptions } from "./options.ts";
import { placeCall } from "./outgoing.ts";
import { OwnAccount } from "./own_account.ts";
import { type Peer, peerOf } from "./peer.ts";
import { Presence } from "./presence.ts";
import type { PushSubscriptionData } from "./push.ts";
import { type IncomingCall } from "./ringing.ts";
import { Trust } from "./trust.ts";
import type { Verification } from "./verification.ts";
import { type GroupCall, type GroupCallOptions } from "./group_call.ts";
import { type World } from "./world.ts";

/** How often the log is watched while online, in milliseconds. */
const WATCH_MS = 3_600_000;

/** One account on one service. */
export class Client {
  readonly #registry: Registry;
  readonly #account: OwnAccount;
  readonly #doorbell = new Doorbell((error) => this.#report(error));
  readonly #missed = new MissedCalls((error) => this.#report(error));
  readonly #presence: Presence;
  #ice: HeldIce | null = null;
  #watching: ReturnType<typeof setInterval> | undefined;

  /** Called with every message that was refused: an attack, or a fault of the other side. */
  onRefused: ((error: ClientError) => void) | null = null;
  /**
   * Called with what watching the log found: a lie about this account, about somebody known, or about
   * the log itself. Show it.
   */
  onAlarm: ((finding: Finding) => void) | null = null;
  /**
   * Called when the connection to the service comes and goes. The client connects again by itself, and
   * what was asked for meanwhile waits. Where it gave up, it says why; with `socket_blocked` it has not:
   * requests get through and sockets do not, so that no call and no room can be had for now.
   */
  onOnline: ((online: boolean, why: ClientError | null) => void) | null = null;

  private constructor(registry: Registry, account: Account | null) {
    this.#registry = registry;
    this.#account = new OwnAccount(registry, account, {
      connection: () => this.#presence.connection,
      refused: (error) => this.#report(error),
    });
    this.#presence = new Presence({
      onRing: (world, frame) => void this.#doorbell.ring(world, frame),
      onMail: (_world, { kind, sent_ms: atMs, ...note }) => {
        if (kind === "missed") this.#missed.take({ ...note, atMs });
      },
      onBlocked: (world, signal) => {
        this.#pollMail(world, signal).catch((error) =>
          this.#report(toClientError(error, "network"))
        );
      },
      onOnline: (online, why) => queueMicrotask(() => this.onOnline?.(online, why)),
      onFault: (error) => this.#report(error),
    });
  }

  /**
   * Opens the account that the store holds, or an empty client that may register one.
   *
   * @throws ClientError `bad_option`, `insecure_context`, `log_changed`, `proof_invalid`, `quorum_missing`, `bad_answer`,
   * `store_failed`, `network`, `unavailable`; where a join is taken up, those of a proof (`lookup`)
   */
  static async open(options: ClientOptions): Promise<Client> {
    const { store, now = Date.now } = options;
    checkStore(store);
    const http = new Http(options.service, now);
    const trust = await Trust.open(http, store, now, await pinnedPolicy(options));
    const registry: Registry = { store, http, trust, now };
    let account = await loadAccount(store, trust.origin);
    if (account === null && await readCell(store, JOINING) !== null) {
      // Another device may have taken this one in while nobody was looking.
      const { finishJoining } = await import("./joining.ts");
      account = await finishJoining(registry);
    }
    return new Client(registry, account);
  }

  /** The account's label, or null before one was registered. */
  get label(): string | null {
    return this.#account.label;
  }

  /** Whether the service can reach this client. */
  get online(): boolean {
    return this.#presence.connection?.isOpen === true;
  }

  /** Size of the newest head of the log that was verified. */
  async headSize(): Promise<number> {
    return (await this.#registry.trust.heads.trusted()).size;
  }

  /**
   * What convicts the service, or what it signed and has not explained: texts to keep, and
   * `countersign verify` says which of the two each is.
   */
  async evidence(): Promise<readonly string[]> {
    const { readEvidence } = await import("./evidence.ts");
    return await readEvidence(this.#registry.store);
  }

  /**
   * Believes the new identity of a person whom the service gave one (`identity_changed`), because the
   * user asked them.
   *
   * @param identity which one: `identity` of that error
   * @throws ClientError `unknown_name` where none waits, `identity_changed` where another one has come
   * meanwhile, `bad_label`, `bad_option`
   */
  async confirmIdentity(name: string, identity: string): Promise<void> {
    const hash = fromBase64Url(identity);
    if (hash === null) throw new ClientError("bad_option", "That is no identity of an error");
    await this.#registry.trust.people.confirm(labelOf(name), hash);
  }

  /**
   * Registers a name on this device and verifies that the log holds it.
   *
   * @param name as a person typed it
   * @param device what the owner calls the device
   * @throws ClientError `bad_label`, `name_taken`, `name_retired`, `authorization_required`, `refused`
   * where this device has another account, `device_removed` where the name's newest record no longer
   * lists it, and those of a proof (`lookup`)
   */
  async register(name: string, device = "", options: RegisterOptions = {}): Promise<void> {
    const { authorization = null } = options;
    await this.#account.claim(async (registry) => {
      const { registerAccount } = await import("./registration.ts");
      return await registerAccount(registry, labelOf(name), device, authorization);
    });
  }

  /**
   * Takes a name for this device whose other devices are all lost. Whoever knows its owner is told, and
   * for 72 hours a device that was not lost may cancel it; nothing else changes the account until then.
   *
   * @param authorization gets what the service's name policy asks for
   * @throws ClientError `bad_label`, `authorization_required`, `unknown_name`, `name_retired`,
   * `reset_pending`, `record_conflict`, `refused` where names are open or this device has another
   * account, `device_removed` where the reset was cancelled, and those of a proof (`lookup`)
   */
  async reset(name: string, device: string, authorization: Authorize): Promise<void> {
    await this.#account.claim(async (registry) => {
      const { resetAccount } = await import("./reset.ts");
      return await resetAccount(registry, labelOf(name), device, authorization);
    });
  }

  /**
   * Cancels a reset of this account (`account_reset`), within 72 hours: its devices are those from
   * before, and nobody who knows it notices.
   *
   * @throws ClientError `not_registered`, `device_removed`, `name_retired`, `record_conflict`, `refused`
   * where it is too late, and those of a proof (`lookup`)
   */
  async cancelReset(): Promise<void> {
    await this.#account.change(async (world) => {
      const { cancelReset } = await import("./reset.ts");
      return await cancelReset(world);
    });
  }

  /** Whether the account can be recovered with a code. @throws ClientError `not_registered` */
  get recoverable(): boolean {
    return this.#account.world().account.record.recovery.some((byte) => byte !== 0);
  }

  /** A fresh recovery code: print it, and then give it to `setRecoveryKey`. It is kept nowhere. */
  async newRecoveryCode(): Promise<string> {
    const { newRecoveryCode } = await import("./recovery.ts");
    return newRecoveryCode();
  }

  /**
   * Makes a code the one that recovers this account, in place of any before it. Ask the person to type it
   * from the paper: what nobody wrote down recovers nothing.
   *
   * @throws ClientError `not_registered`, `bad_recovery_code`, `reset_pending`, `record_conflict`,
   * `device_removed`, `account_reset`, `name_retired`, and those of a proof (`lookup`)
   */
  async setRecoveryKey(code: string): Promise<void> {
    await this.#account.change(async (world) => {
      const { setRecoveryKey } = await import("./recovery.ts");
      return await setRecoveryKey(world, code);
    });
  }

  /**
   * Makes this device the only one of an account by its recovery code, which stays good.
   *
   * @throws ClientError `bad_label`, `bad_recovery_code`, `unknown_name`, `name_retired`,
   * `reset_pending`, `record_conflict`, `refused` where this device has another account,
   * `device_removed`, and those of a proof (`lookup`)
   */
  async recover(name: string, device: string, code: string): Promise<void> {
    await this.#account.claim(async (registry) => {
      const { recoverAccount } = await import("./recovery.ts");
      return await recoverAccount(registry, labelOf(name), device, code);
    });
  }

  /**
   * Ends the name, for everybody and for good, and erases the account from this device.
   *
   * @throws ClientError `not_registered`, `reset_pending`, `record_conflict`, `device_removed`,
   * `account_reset`, and those of a proof (`lookup`)
   */
  async retire(): Promise<void> {
    const world = this.#account.world();
    const { retireAccount } = await import("./retirement.ts");
    await retireAccount(world);
    this.goOffline();
    this.#registry.http.forgetToken();
    this.#account.replace(null);
  }

  /** The devices of this account, as far as this one knows. @throws ClientError `not_registered` */
  devices(): readonly DeviceInfo[] {
    return devicesOf(this.#account.world().account);
  }

  /**
   * Makes this a device of an account that another device has; resolves when its code can be shown.
   * Ask the person to compare the digits on both devices, and `confirm()` on both.
   *
   * @throws ClientError `refused` where there is an account already, `bad_option`, `link_failed`,
   * `network`, `unavailable`
   */
  async joinAccount(options: JoinOptions = {}): Promise<Joining> {
    const registry = this.#account.vacant();
    const { joinAccount } = await import("./link.ts");
    return await joinAccount(registry, options, (account) => this.#account.replace(account));
  }

  /**
   * Takes the code of a new device, and makes it one of this account. What goes wrong rejects `device` or
   * `done`: `link_failed`, `record_conflict`, `reset_pending`, `refused`, `device_removed`,
   * `account_reset`, `name_retired`, and those of a proof (`lookup`).
   *
   * @throws ClientError `not_registered`
   */
  async linkDevice(code: string, signal?: AbortSignal): Promise<Linking> {
    const world = this.#account.world();
    const { linkDevice } = await import("./link.ts");
    return linkDevice(world, code, (account) => this.#account.replace(account), signal);
  }

  /**
   * Removes another device of this account, for good.
   *
   * @throws ClientError `not_registered`, `refused` where it is none of it, or this one, `reset_pending`,
   * `record_conflict`, `device_removed`, `account_reset`, `name_retired`, and those of a proof (`lookup`)
   */
  async removeDevice(id: number): Promise<void> {
    await this.#account.change(async (world) => {
      const { removeDevice } = await import("./devices.ts");
      return await removeDevice(world, id);
    });
  }

  /**
   * Gives this device new keys, under a new number; it is offline for that moment.
   *
   * @throws ClientError `not_registered`, `reset_pending`, `record_conflict`, `device_removed`,
   * `account_reset`, `name_retired`, those of a proof (`lookup`), and, where it was online, those of
   * `goOnline`
   */
  async rotateKeys(): Promise<void> {
    // Who has no account does not go offline for it.
    this.#account.world();
    const { rotateKeys } = await import("./devices.ts");
    const wasOnline = this.online;
    this.goOffline();
    try {
      await this.#account.change(rotateKeys);
    } finally {
      if (wasOnline) await this.goOnline();
    }
  }

  /**
   * Checks that the service still is the one that was trusted, publishes prekeys and connects, so
   * that calls can come and go.
   *
   * @throws ClientError `not_registered`, `in_use`, `device_removed`, `account_reset`, `name_retired`,
   * `refused`, `socket_blocked` where something on the way lets no WebSocket through, `closed` where it
   * is left meanwhile, and those of a proof (`lookup`)
   */
  async goOnline(): Promise<void> {
    this.#doorbell.prepare();
    await this.#presence.enter(this.#account.world());
    clearInterval(this.#watching);
    this.#watching = setInterval(() => void this.watchLog().catch(() => {}), WATCH_MS);
    void this.watchLog().catch(() => {});
  }

  /**
   * Looks whether the log still tells everybody the same truth: this account, everybody known, the age
   * of its head, and some of its epochs at random. Happens by itself hourly while online; `onAlarm`
   * hears the same.
   *
   * @throws ClientError `not_registered`, `closed`
   */
  async watchLog(): Promise<readonly Finding[]> {
    const world = this.#account.world();
    const { watch } = await import("./monitor.ts");
    const findings = await watch(world);
    for (const finding of findings) queueMicrotask(() => this.onAlarm?.(finding));
    return findings;
  }

  /** Leaves the service; calls under way keep their media. */
  goOffline(): void {
    clearInterval(this.#watching);
    this.#presence.leave();
  }

  /**
   * Looks a person up and verifies who it is.
   *
   * @throws ClientError of the name `bad_label`, `unknown_name`, `name_retired`, `identity_changed` (with
   * `identity`, for `confirmIdentity`); of a proof `proof_invalid`, `stale_head`, `quorum_missing`,
   * `head_rolled_back`, `version_rolled_back`, `log_forked`, `log_changed`, `bad_answer`, `network`,
   * `unavailable`; of this account `not_registered`, `device_removed`, `account_reset`
   */
  async lookup(name: string): Promise<Peer> {
    return await this.#account.ask(async (world) => {
      const contact = await lookUp(world, labelOf(name));
      return peerOf(contact, world.account.record);
    });
  }

  /** Checking who people are: whom one knows and how far each is believed, safety numbers and their codes. */
  async verification(): Promise<Verification> {
    const { verification } = await import("./verification.ts");
    return verification(this.#account);
  }

  /**
   * Calls a person on this stack; resolves when it rings. Where they call this client in the same
   * moment, one of the two calls ends as `replaced`, and `incoming` has the other, which `continues` it.
   *
   * @throws ClientError those of `lookup`; `self_call`, `not_online`, `peer_offline`, `prekeys_invalid`,
   * `media_failed`, `cancelled` where they called first, `bad_option`, and `unavailable` where they were
   * rung too often or have changed their devices this moment: call again
   */
  async call(name: string, adapter: MediaAdapter, options: CallOptions = {}): Promise<Call> {
    return await this.#account.ask((world) => placeCall(world, labelOf(name), adapter, options));
  }

  /**
   * STUN and TURN servers for an adapter (`iceServers`), none where the service has none; kept for four
   * fifths of the life of their credentials, so ask for each call.
   *
   * @throws ClientError `not_registered`, `device_removed`, `bad_answer`, `network`, `unavailable`
   */
  async iceServers(): Promise<readonly IceServer[]> {
    return await this.#account.ask(async (world) => {
      const { freshIce } = await import("./ice.ts");
      this.#ice = await freshIce(world, this.#ice);
      return this.#ice.servers;
    });
  }

  /**
   * What push subscriptions are made with: `pushManager.subscribe({ applicationServerKey })`.
   *
   * @throws ClientError `refused` where the service has no Web Push, `bad_answer`, `network`
   */
  async pushKey(): Promise<Bytes> {
    const { http } = this.#account.registry();
    const { pushKeyOf } = await import("./push.ts");
    return await pushKeyOf(http);
  }

  /**
   * Lets the service wake this device by this subscription (`subscription.toJSON()`), in place of any
   * before. Call it at each start, since browsers change subscriptions, and after `rotateKeys`.
   *
   * @throws ClientError `not_registered`, `bad_option`, `refused`, `device_removed`, `network`, `unavailable`
   */
  async enablePush(subscription: PushSubscriptionData): Promise<void> {
    await this.#account.ask(async (world) => {
      const { enablePush } = await import("./push.ts");
      return await enablePush(world, subscription);
    });
  }

  /** Has this device woken no more. @throws ClientError `not_registered`, `network`, `unavailable` */
  async disablePush(): Promise<void> {
    await this.#account.ask(async (world) => {
      const { disablePush } = await import("./push.ts");
      return await disablePush(world);
    });
  }

  /**
   * Makes a room of which this account is host, and joins it.
   *
   * @param options `meta` is what the room shows to those who have an invite, at most 511 bytes
   * @throws ClientError `not_registered`, `not_online`, `refused` where too many are open, `bad_option`,
   * `cancelled`, `network`, `unavailable`
   */
  async createRoom(options: CreateRoomOptions = {}): Promise<Meeting> {
    return await this.#account.ask(async (world) => {
      const { createRoom } = await import("./rooms.ts");
      return await createRoom(world, options.meta ?? null, options.signal);
    });
  }

  /**
   * Joins a room: by an invite's link, or by its id where this device was in it before. Where somebody has
   * to let this client in, it waits at the door: `knock`, and wait for `entered`.
   *
   * @throws ClientError `not_registered`, `not_online`, `invite_invalid`, `room_not_found`,
   * `room_locked`, `room_full`, `room_ended`, `cancelled`, `network`, `unavailable`; `refused` where this
   * client is in it already
   */
  async joinRoom(target: string, options: JoinRoomOptions = {}): Promise<Meeting> {
    return await this.#account.ask(async (world) => {
      const { joinRoom } = await import("./rooms.ts");
      return await joinRoom(world, target, options.signal);
    });
  }

  /**
   * Joins the group call of a room, or begins it: everybody in it is connected with everybody else. The
   * call has the room from then on: what is said and happens there is among its events.
   *
   * @throws ClientError `not_registered`, `bad_option`, `not_in_room`, `entry_denied`, `network`; `refused` where this client is
   * in it already
   */
  async joinCall(meeting: Meeting, options: GroupCallOptions): Promise<GroupCall> {
    return await this.#account.ask(async (world) => {
      const { joinGroupCall } = await import("./group_conductor.ts");
      return await joinGroupCall(world, meeting, options);
    });
  }

  /** The rooms that this account made, and that have not ended. @throws ClientError those of a request */
  async rooms(): Promise<readonly RoomInfo[]> {
    return await this.#account.ask(async (world) => {
      const { roomsOf } = await import("./rooms.ts");
      return await roomsOf(world);
    });
  }

  /** The calls that ring here. One reader. */
  incoming(signal?: AbortSignal): AsyncIterable<IncomingCall> {
    return this.#doorbell.read(signal);
  }

  /**
   * The calls that rang on no device of this account, each told once; a day later the service forgets it.
   * They are the service's word alone: nothing proves who called, or that anybody did. One reader.
   */
  missedCalls(signal?: AbortSignal): AsyncIterable<MissedCall> {
    return this.#missed.read(signal);
  }

  /**
   * For when `goOnline` says `socket_blocked`: reads the mailbox by requests, for `missedCalls`, and tries
   * a socket now and then. Resolves once this client is online, or when the signal aborts. A client that
   * was online before does it by itself.
   *
   * @throws ClientError `not_registered`, and those of `goOnline` where trying again can't help
   */
  async pollMail(signal?: AbortSignal): Promise<void> {
    await this.#account.ask((world) => {
      return this.#pollMail(world, signal ?? null, () => this.goOnline());
    });
  }

  /** Goes offline and releases the store; calls under way keep their media. */
  close(): void {
    this.#account.close();
    this.goOffline();
    this.#doorbell.end();
    this.#missed.end();
    this.#registry.http.close();
    this.#registry.store.close();
  }

  async #pollMail(
    world: World,
    signal: AbortSignal | null,
    enter: (() => Promise<void>) | null = null,
  ): Promise<void> {
    const { pollMail } = await import("./mail_poll.ts");
    await pollMail({ world, missed: this.#missed, signal, enter });
  }

  /** Tells the application in a turn of its own: what it throws must not disturb a call. */
  #report(error: ClientError): void {
    queueMicrotask(() => this.onRefused?.(error));
  }
}

function labelOf(name: string): AccountLabel {
  try {
    return canonicalAccountLabel(typeof name === "string" ? name : "");
  } catch (error) {
    throw toClientError(error, "bad_label");
  }
}
