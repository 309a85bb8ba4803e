/**
 * What two devices say to each other once they have a channel: one payload at a time, each of the kind
 * that is due.
 *
 * @module
 */

import { type LinkChannel } from "../crypto/link.ts";
import { type LinkPayload, linkPayloadFromBytes, linkPayloadToBytes } from "../wire/link.ts";
import { ClientError } from "./error.ts";
import { type LinkSlot } from "./link_slot.ts";

/** A payload of this kind. */
export type PayloadOf<Kind extends LinkPayload["kind"]> = Extract<LinkPayload, { kind: Kind }>;

/** Sealed payloads over a slot. */
export class Talk {
  readonly #slot: LinkSlot;
  readonly #channel: LinkChannel;

  /** Over this end of a slot. */
  constructor(slot: LinkSlot, channel: LinkChannel) {
    this.#slot = slot;
    this.#channel = channel;
  }

  /** Seals a payload for the other device. @throws ClientError */
  async say(payload: LinkPayload): Promise<void> {
    await this.#slot.write(await this.#channel.send.seal(linkPayloadToBytes(payload)));
  }

  /** Waits for the payload that is due, of one of these kinds. @throws ClientError `link_failed` */
  async hear<Kind extends LinkPayload["kind"]>(
    ...kinds: readonly Kind[]
  ): Promise<PayloadOf<Kind>> {
    const bytes = await this.#channel.receive.open(await this.#slot.next());
    return expected(kinds, linkPayloadFromBytes(bytes));
  }

  /** Does the work; where it fails, the other device need not wait for more. */
  async orCancel<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      void this.say({ kind: "cancel" }).catch(() => {});
      throw error;
    }
  }
}

/** Requires a payload of a kind that is due. @throws ClientError `link_failed` */
export function expected<Kind extends LinkPayload["kind"]>(
  kinds: readonly Kind[],
  payload: LinkPayload,
): PayloadOf<Kind> {
  if (kinds.some((kind) => kind === payload.kind)) return payload as PayloadOf<Kind>;
  if (payload.kind === "cancel") throw failed("It was given up on the other device");
  throw failed("The other device does not keep to the protocol");
}

/** The devices do not come together. */
export function failed(sentence: string): ClientError {
  return new ClientError("link_failed", sentence);
}
