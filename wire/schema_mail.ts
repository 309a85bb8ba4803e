/**
 * What the service answers about mailboxes, as zod schemas.
 *
 * @module
 */

import { z } from "zod";
import { MAX_MAILBOX_ENTRIES } from "./limits.ts";
import { type MailboxWire, type MessageWire } from "./mail.ts";
import { id, label, size, text64 } from "./schema_parts.ts";

const entry = z.string().meta({ description: "Names the entry." });

const ring = z.strictObject({
  t: z.literal("ring"),
  entry,
  id,
  from: label,
  device: size,
  common: text64,
  offer: text64,
}).meta({ id: "WaitingRing", description: "A call that rings still." });

const mail = z.strictObject({
  t: z.literal("mail"),
  entry,
  kind: z.enum(["message", "missed"]),
  from: label,
  sent_ms: size,
  ct: text64.nullable().meta({ description: "The sealed message; null for a missed call." }),
}).meta({ id: "WaitingMail", description: "A message, or the note that somebody called." });

/** The answer to a request for mail. */
export const mailboxAnswer: z.ZodType<MailboxWire, MailboxWire> = z.strictObject({
  entries: z.array(z.discriminatedUnion("t", [ring, mail])).max(MAX_MAILBOX_ENTRIES).readonly(),
}).meta({ id: "Mailbox" });

/** The answer to a message. */
export const messageAnswer: z.ZodType<MessageWire, MessageWire> = z.strictObject({ entry })
  .meta({ id: "LeftMessage" });
