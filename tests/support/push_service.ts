/**
 * A push service and the browsers behind it, on a port of loopback: it takes messages as RFC 8030 has
 * it, and may lie in every way. Decryption is node's own, apart from the code that seals.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createDecipheriv, createECDH, createHmac, randomBytes } from "node:crypto";
import { toBase64Url } from "../../crypto/base64.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type PushKeys } from "../../crypto/web_push.ts";

/** A browser with one subscription's keys. */
export interface Subscriber {
  readonly keys: PushKeys;
  /** What a message says. @throws where it is not for these keys */
  open(message: Uint8Array): string;
}

/** What a push service was sent. */
export interface PushMessage {
  readonly path: string;
  readonly headers: Headers;
  readonly body: Bytes;
}

/** A push service. */
export interface PushService extends AsyncDisposable {
  /** Its origin. */
  readonly url: string;
  /** Everything that it was sent, the oldest first. */
  readonly messages: readonly PushMessage[];
  /** How it answers; it takes everything unless told otherwise. */
  answer: (message: PushMessage) => Response | Promise<Response>;
  /** A subscription as `PushSubscription.toJSON` gives it. */
  subscription(subscriber: Subscriber, path?: string): Record<string, unknown>;
  /** Waits until it was sent so many messages. */
  sent(count: number): Promise<void>;
}

const PATIENCE_MS = 5_000;

/** A browser that subscribed. */
export function newSubscriber(): Subscriber {
  const ecdh = createECDH("prime256v1");
  const p256dh = Uint8Array.from(ecdh.generateKeys());
  const auth = Uint8Array.from(randomBytes(16));
  return {
    keys: { p256dh, auth },
    open(message) {
      const whole = Buffer.from(message);
      const [salt, key, sealed] = [
        whole.subarray(0, 16),
        whole.subarray(21, 86),
        whole.subarray(86),
      ];
      if (whole.readUInt32BE(16) !== 4_096 || whole[20] !== 65) throw new Error("another header");
      const info = Buffer.concat([Buffer.from("WebPush: info\0"), p256dh, key]);
      const ikm = hkdf(auth, ecdh.computeSecret(key), info, 32);
      const cek = hkdf(salt, ikm, Buffer.from("Content-Encoding: aes128gcm\0"), 16);
      const nonce = hkdf(salt, ikm, Buffer.from("Content-Encoding: nonce\0"), 12);
      const decipher = createDecipheriv("aes-128-gcm", cek, nonce);
      decipher.setAuthTag(sealed.subarray(-16));
      const padded = Buffer.concat([decipher.update(sealed.subarray(0, -16)), decipher.final()]);
      const end = padded.findLastIndex((byte) => byte !== 0);
      if (padded[end] !== 2) throw new Error("the record is not the last one");
      return padded.subarray(0, end).toString();
    },
  };
}

/** RFC 5869, written out once more. */
function hkdf(salt: Uint8Array, secret: Uint8Array, info: Uint8Array, length: number): Buffer {
  const root = createHmac("sha256", salt).update(secret).digest();
  return createHmac("sha256", root).update(info).update(Buffer.from([1])).digest()
    .subarray(0, length);
}

/** A push service that takes everything. */
export function startPushService(): PushService {
  const messages: PushMessage[] = [];
  const waiting: (() => void)[] = [];
  const taken = () => new Response(null, { status: 201 });
  const service = { answer: taken as PushService["answer"] };
  const server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { headers, url } = request;
      const body = new Uint8Array(await request.arrayBuffer());
      const message = { path: new URL(url).pathname, headers, body };
      messages.push(message);
      for (const wake of waiting.splice(0)) wake();
      return await service.answer(message);
    },
  );
  const url = `http://127.0.0.1:${server.addr.port}`;
  return Object.assign(service, {
    url,
    messages,
    subscription(subscriber: Subscriber, path = "/push/1") {
      const { p256dh, auth } = subscriber.keys;
      return {
        endpoint: `${url}${path}`,
        expirationTime: null,
        keys: { p256dh: toBase64Url(p256dh), auth: toBase64Url(auth) },
      };
    },
    async sent(count: number) {
      const deadline = performance.now() + PATIENCE_MS;
      while (messages.length < count) {
        if (performance.now() > deadline) throw new Error(`${messages.length} of ${count} came`);
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, PATIENCE_MS);
          waiting.push(() => {
            clearTimeout(timer);
            resolve();
          });
        });
      }
    },
    [Symbol.asyncDispose]: () => server.shutdown(),
  });
}
