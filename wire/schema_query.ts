/**
 * What stands in paths and queries, as zod schemas. It is text there; numbers have one spelling.
 *
 * @module
 */

import { z } from "zod";
import { MAX_FRAME_ID_CHARS, MAX_LINK_MESSAGES, MAX_MAIL_WAIT_MS } from "./limits.ts";
import { LINK_SLOT_BYTES } from "../crypto/link_code.ts";
import { bytes, decimal, label, room } from "./schema_parts.ts";

/** Whatever a balancer or a scraper puts behind its path; nobody looks at it. */
export const anyQuery = z.record(z.string(), z.string());

/** `/v1/directory/{label}` and what stands below. */
export const labelPlace = z.strictObject({ label: label.meta({ description: "The name." }) });

/** `/v1/keys/{device}`. */
export const devicePlace = z.strictObject({
  device: decimal.meta({ description: "The number of the device in its account's record." }),
});

const slot = bytes(LINK_SLOT_BYTES, LINK_SLOT_BYTES).meta({
  description: "Where the two devices meet: both compute it out of the link code.",
});
const side = z.enum(["new", "old"]).meta({ description: "Whose messages these are." });

/** `/v1/links/{slot}/{side}`. */
export const linkPlace = z.strictObject({ slot, side });

/** `/v1/links/{slot}/{side}/{n}`. */
export const linkMessagePlace = z.strictObject({
  slot,
  side,
  n: decimal.pipe(z.number().max(MAX_LINK_MESSAGES)).meta({
    description: "The message's number, from 0.",
  }),
});

/** `/v1/mailbox/{entry}`. */
export const entryPlace = z.strictObject({
  entry: z.string().max(MAX_FRAME_ID_CHARS).meta({ description: "The entry's name." }),
});

/** `GET /v1/mailbox`. */
export const waitQuery = z.strictObject({
  wait: decimal.pipe(z.number().max(MAX_MAIL_WAIT_MS)).optional().meta({
    description: "How long the answer may wait for something to come, in milliseconds.",
  }),
});

const managedRoom = room.meta({ description: "The room's id: 16 bytes, the first bit set." });

/** `/v1/rooms/{room}` and what stands below. */
export const roomPlace = z.strictObject({ room: managedRoom });

/** `/v1/rooms/{room}/invites/{key}`. */
export const invitePlace = z.strictObject({
  room: managedRoom,
  key: bytes(32, 32).meta({ description: "The public half of the invite's key." }),
});

/** `/log/tile/{path}`. */
export const tilePlace = z.strictObject({
  path: z.string().max(128).meta({
    description:
      "Level and index as C2SP tlog-tiles writes them, `.p/<width>` where it is partial; " +
      "`entries` in place of the level for the entries themselves.",
  }),
});

/** `/log/audit/{index}`. */
export const epochPlace = z.strictObject({
  index: decimal.meta({ description: "The index of the ROOT entry that closes the epoch." }),
});

/** What the asker of a proof has already. */
export const lookupQuery = z.strictObject({
  from: decimal.optional().meta({
    description: "Size of the newest head that the asker trusts; absent at first contact.",
  }),
  known: decimal.optional().meta({ description: "The version of the name that the asker knows." }),
  through: decimal.optional().meta({
    description: "The last earlier record that is asked for; absent for the newest ones.",
  }),
});

/** `GET /v1/links/{slot}/{side}`. */
export const afterQuery = z.strictObject({
  after: decimal.optional().meta({ description: "How many messages the asker has." }),
});

/** `GET /log/consistency`. */
export const consistencyQuery = z.strictObject({
  from: decimal.meta({ description: "The smaller size." }),
  to: decimal.meta({ description: "The larger size, at most the published head's." }),
});

/** `GET /log/audit/{index}`. */
export const epochQuery = z.strictObject({
  size: decimal.optional().meta({
    description: "Size of the tree in which the entries are proved; absent for the newest head's.",
  }),
});
