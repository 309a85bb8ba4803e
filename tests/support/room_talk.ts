/**
 * Room stories: what a member saw and heard, collected as it came.
 *
 * @module
 */

import { type Meeting, type RoomEvent, type RoomMessage } from "../../client/meeting.ts";
import { fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { eventually } from "./werift.ts";

/** The events of a kind. */
type EventOf<K> = RoomEvent extends infer E
  ? E extends RoomEvent ? K extends E["kind"] ? E : never : never
  : never;

/** One member's eyes and ears. */
export interface Witness {
  readonly meeting: Meeting;
  readonly events: readonly RoomEvent[];
  readonly messages: readonly RoomMessage[];
  /** The texts of the messages. */
  texts(): string[];
  /** The kinds of the events. */
  kinds(): string[];
  /** Waits for the next event of this kind that was not waited for. */
  next<K extends RoomEvent["kind"]>(kind: K): Promise<EventOf<K>>;
  /** Waits until so many messages were heard. */
  heard(count: number, ms?: number): Promise<void>;
  /** Says a text. */
  say(text: string, to?: string): Promise<void>;
}

/** Listens to a room until it is over. */
export function attend(meeting: Meeting): Witness {
  const events: RoomEvent[] = [];
  const messages: RoomMessage[] = [];
  const taken = new Set<RoomEvent>();
  void (async () => {
    for await (const event of meeting.events()) events.push(event);
  })();
  void (async () => {
    for await (const message of meeting.messages()) messages.push(message);
  })();
  return {
    meeting,
    events,
    messages,
    texts: () => messages.map(({ payload }) => fromUtf8(payload)!),
    kinds: () => events.map(({ kind }) => kind),
    async next(kind) {
      const wanted = () => events.find((event) => event.kind === kind && !taken.has(event));
      await eventually(() => wanted() !== undefined);
      const event = wanted()!;
      taken.add(event);
      return event as never;
    },
    heard: (count, ms) => eventually(() => messages.length >= count, ms),
    say: (text, to) => meeting.send(utf8(text), to),
  };
}
