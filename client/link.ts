/**
 * Linking: a new device joins the account of an old one, and the service can't put another in its place.
 *
 *     new   shows a code; shows six digits; waits for its person; agrees to its entry
 *     old   takes the code; shows six digits; waits for its person; signs the update
 *
 * The person compares digits and names and says so on both devices. Nothing of the account leaves the
 * old device before that, and neither believes the other without looking the record up.
 *
 * @module
 */

import { type AccountId, parseAccountLabel } from "../crypto/account_label.ts";
import { type Bytes, utf8 } from "../crypto/bytes.ts";
import { checkBinding, MAX_DEVICE_NAME_BYTES } from "../crypto/device_entry.ts";
import { type DeviceKeys, generateDeviceKeys } from "../crypto/keys.ts";
import { openReveal, replyToLink, revealLink, startLink } from "../crypto/link.ts";
import { type LinkCodeKind, linkSlot, newLinkCode, parseLinkCode } from "../crypto/link_code.ts";
import { type BoundDevice } from "../crypto/record.ts";
import { type LinkPayload, linkPayloadFromBytes, linkPayloadToBytes } from "../wire/link.ts";
import { type Account, newEntry, type PublicKeys, type Registry } from "./account.ts";
import { addDevice, bindNew, nextDeviceId } from "./devices.ts";
import { ClientError, toClientError } from "./error.ts";
import { finishJoining, keepJoining } from "./joining.ts";
import { expected, failed, type PayloadOf, Talk } from "./link_talk.ts";
import { LinkSlot } from "./link_slot.ts";
import { type World } from "./world.ts";

/** How often the account is asked for while another device's record waits for the log. */
const MAX_REFRESHES = 20;
/** How long between two times, in milliseconds. */
const REFRESH_MS = 500;

/** How the new device begins. */
export interface JoinOptions {
  /** What the owner calls the device, at most 64 bytes. */
  readonly device?: string;
  /** A code for a camera, or a short one for fingers, whose digits *must* be compared. */
  readonly kind?: LinkCodeKind;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** A new device that waits to be linked. */
export interface Joining {
  /** What the old device scans as a QR code, or what its person types. */
  readonly code: string;
  /** Six digits, once the old device is there: both show the same, or somebody stands between. */
  readonly digits: Promise<string>;
  /** Whose account it is and what the old device is called, once that one was confirmed. */
  readonly account: Promise<{ readonly label: string; readonly device: string }>;
  /** The person says that both devices show the same digits. */
  confirm(): void;
  /** The account's label, once the log has this device. @throws ClientError */
  readonly done: Promise<string>;
}

/** An old device that links a new one. */
export interface Linking {
  /** The digits to compare, and what the new device is called. @throws ClientError */
  readonly device: Promise<{ readonly digits: string; readonly name: string }>;
  /** The person says that both devices show the same digits. */
  confirm(): void;
  /** Settles once the log has the new device. @throws ClientError */
  readonly done: Promise<void>;
}

/** Begins on the new device; resolves when its code is good. @throws ClientError */
export async function joinAccount(
  registry: Registry,
  options: JoinOptions,
  onJoined: (account: Account) => void,
): Promise<Joining> {
  const name = options.device ?? "";
  if (utf8(name).length > MAX_DEVICE_NAME_BYTES) {
    throw new ClientError("bad_option", "A device name is at most 64 bytes");
  }
  const { store, http, trust } = registry;
  const { code, secret } = newLinkCode(options.kind ?? "scanned");
  const signal = options.signal ?? new AbortController().signal;
  const slot = new LinkSlot(http, linkSlot(secret), "new", signal);
  const start = await startLink();
  await slot.write(start.commit);
  const digits = Promise.withResolvers<string>();
  const told = Promise.withResolvers<{ label: string; device: string }>();
  const person = Promise.withResolvers<void>();

  async function join(): Promise<string> {
    const keys = await generateDeviceKeys(store.extractable);
    const place = { origin: trust.origin, secret };
    const reply = await slot.next();
    const device = deviceOf(keys, name);
    const revealed = await revealLink(place, start, reply, linkPayloadToBytes(device));
    const talk = new Talk(slot, revealed.channel);
    await slot.write(revealed.reveal);
    digits.resolve(revealed.channel.digits);
    await talk.orCancel(() => agree(talk, keys));
    const joined = await finishJoining(registry);
    if (joined === null) throw failed("The account does not have this device");
    onJoined(joined);
    return joined.label;
  }

  async function agree(talk: Talk, keys: DeviceKeys): Promise<void> {
    const hearing = talk.hear("account").then((said) => {
      told.resolve({ label: said.label, device: said.name });
      return said;
    });
    const [first] = await Promise.all([hearing, until(person.promise, signal)]);
    let said: PayloadOf<"account"> | PayloadOf<"done"> = first;
    while (said.kind === "account") {
      // Once more where another device changed the account meanwhile; it stays the same account.
      if (said.label !== first.label) throw failed("The other device names two accounts");
      await talk.say({ kind: "binding", binding: await bindTo(said, keys) });
      said = await talk.hear("account", "done");
    }
  }

  async function bindTo(said: PayloadOf<"account">, keys: DeviceKeys): Promise<Bytes> {
    const { label, deviceId, addedMs, version, record } = said;
    const account = accountId(trust.origin, label);
    const { binding } = await bindNew(account, keys, { deviceId, addedMs, name });
    const { signing, identity } = keys;
    // Kept before the old device hears that we agree: from then on the log may have us.
    await keepJoining(registry, {
      label: account.label,
      deviceId,
      signing: signing.privateKey,
      signingKey: signing.publicKey,
      identity: identity.privateKey,
      version,
      recordHash: record,
    });
    return binding;
  }

  const done = guarded(join(), (error) => {
    digits.reject(error);
    told.reject(error);
  });
  for (const promise of [done, digits.promise, told.promise]) promise.catch(() => {});
  return {
    code,
    digits: digits.promise,
    account: told.promise,
    confirm: person.resolve,
    done,
  };
}

/** Takes a new device's code on an old one. */
export function linkDevice(
  world: World,
  code: string,
  onLinked: (account: Account) => void,
  outer?: AbortSignal,
): Linking {
  const { http, trust } = world;
  const signal = outer ?? new AbortController().signal;
  const device = Promise.withResolvers<{ digits: string; name: string }>();
  const person = Promise.withResolvers<void>();

  async function link(): Promise<void> {
    const secret = parseLinkCode(code);
    const slot = new LinkSlot(http, linkSlot(secret), "old", signal);
    const replied = await replyToLink(await slot.next());
    await slot.write(replied.reply);
    const place = { origin: trust.origin, secret };
    const { payload, channel } = await openReveal(place, replied, await slot.next());
    const talk = new Talk(slot, channel);
    const { signing, identity, name } = expected(["device"], linkPayloadFromBytes(payload));
    device.resolve({ digits: channel.digits, name });
    const keys = { signing: { publicKey: signing }, identity: { publicKey: identity } };
    onLinked(await talk.orCancel(() => takeIn(talk, keys, name)));
    // The new device finds it in the log even if it does not hear this.
    await talk.say({ kind: "done" }).catch(() => {});
  }

  async function takeIn(talk: Talk, keys: PublicKeys, name: string): Promise<Account> {
    await until(person.promise, signal);
    let account = await world.refresh();
    for (let attempt = 0;; attempt++) {
      const device = await agreed(talk, account, keys, name);
      try {
        return await addDevice(world, account, device);
      } catch (error) {
        // Another device, or another link of this one, changed the account meanwhile: its number and the
        // record that it follows on are others now, and the new device has to agree to those.
        if (!isLate(error) || attempt > 0) throw error;
        account = await nextAccount(world, account.record.version, signal);
      }
    }
  }

  /** The new device, once it agreed to stand in the record that follows on the account's. */
  async function agreed(
    talk: Talk,
    { label, self, record }: Account,
    keys: PublicKeys,
    name: string,
  ): Promise<BoundDevice> {
    const entry = newEntry(nextDeviceId(record), keys, world.now(), name);
    const { deviceId, addedMs } = entry;
    const { version, hash } = record;
    const own = self.entry.name;
    await talk.say({
      kind: "account",
      label,
      deviceId,
      addedMs,
      name: own,
      version,
      record: hash,
    });
    const { binding } = await talk.hear("binding");
    if (!await checkBinding(record.account, entry, binding)) {
      throw failed("The new device does not agree to stand in this account");
    }
    return { entry, binding };
  }

  const done = guarded(link(), device.reject);
  for (const promise of [done, device.promise]) promise.catch(() => {});
  return { device: device.promise, confirm: person.resolve, done };
}

/** The account once its record is newer: another one waits for the log. @throws ClientError */
async function nextAccount(world: World, version: number, signal: AbortSignal): Promise<Account> {
  for (let tries = 0; tries < MAX_REFRESHES; tries++) {
    const account = await world.refresh();
    if (account.record.version > version) return account;
    if (signal.aborted) break;
    await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
  }
  throw failed("Another device is changing the account: try again");
}

function isLate(error: unknown): boolean {
  return error instanceof ClientError && error.problem === "record_conflict";
}

/** Waits for the person. @throws ClientError `link_failed` where it was given up */
async function until(person: Promise<void>, signal: AbortSignal): Promise<void> {
  const givenUp = new Promise<never>((_, reject) => {
    const give = (): void => reject(failed("It was given up"));
    if (signal.aborted) give();
    signal.addEventListener("abort", give, { once: true });
  });
  await Promise.race([person, givenUp]);
}

function deviceOf({ signing, identity }: DeviceKeys, name: string): LinkPayload {
  return { kind: "device", signing: signing.publicKey, identity: identity.publicKey, name };
}

function accountId(origin: string, label: string): AccountId {
  return { origin, label: parseAccountLabel(label) };
}

/** Every failure has its code, and ends whatever was waited for. */
async function guarded<T>(work: Promise<T>, end: (error: ClientError) => void): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const failure = toClientError(error, "link_failed");
    end(failure);
    throw failure;
  }
}
