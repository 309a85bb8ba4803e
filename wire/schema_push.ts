/**
 * What devices say of how they are woken and reach each other, and what they are answered, as zod
 * schemas.
 *
 * @module
 */

import { z } from "zod";
import { P256_PUBLIC_KEY_BYTES } from "../crypto/p256.ts";
import { PUSH_AUTH_BYTES } from "../crypto/web_push.ts";
import { type IceWire } from "./ice.ts";
import { MAX_PUSH_ENDPOINT_CHARS } from "./limits.ts";
import { bytes, charsOf, size } from "./schema_parts.ts";

/** `PUT /v1/push/{device}`: what `PushSubscription.toJSON` gives. */
export const pushRequest = z.strictObject({
  endpoint: z.string().min(1).max(MAX_PUSH_ENDPOINT_CHARS).meta({
    description: "Where the push service takes messages; its host has to be one in use here.",
  }),
  expirationTime: size.nullable().optional().meta({
    description: "When the subscription ends, Unix milliseconds.",
  }),
  keys: z.strictObject({
    p256dh: bytes(P256_PUBLIC_KEY_BYTES, P256_PUBLIC_KEY_BYTES),
    auth: bytes(PUSH_AUTH_BYTES, PUSH_AUTH_BYTES),
  }),
}).meta({
  id: "PushSubscription",
  description: "A push subscription (Push API, RFC 8030).",
  examples: [{
    endpoint: "https://push.example/send/abc",
    expirationTime: null,
    keys: {
      p256dh: "A".repeat(charsOf(P256_PUBLIC_KEY_BYTES)),
      auth: "A".repeat(charsOf(PUSH_AUTH_BYTES)),
    },
  }],
});

/** `GET /v1/ice`. */
export const iceAnswer: z.ZodType<IceWire, IceWire> = z.strictObject({
  servers: z.array(
    z.strictObject({
      urls: z.array(z.string()).readonly(),
      username: z.string().optional(),
      credential: z.string().optional(),
    }),
  ).readonly().meta({ description: "As `RTCConfiguration.iceServers` takes them." }),
  ttl_ms: size.meta({ description: "How long the credentials are good for." }),
}).meta({ id: "IceServers", description: "STUN and TURN servers." });
