/**
 * Descriptions made short: what a browser says of a connection is text that says most things twice, and a
 * message in a room has a largest size. Compressed before it is sealed and padded.
 *
 * @module
 */

import { type Bytes, concat } from "../crypto/bytes.ts";
import { ClientError } from "./error.ts";

/** Most bytes that come out: whoever sends less can't make more of it. */
const MAX_BYTES = 65_536;

/** DEFLATE (RFC 1951). */
export async function deflate(bytes: Bytes): Promise<Bytes> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The reverse. @throws ClientError `bad_answer` where it is none, or longer than 64 kB */
export async function inflate(bytes: Bytes): Promise<Bytes> {
  const parts: Bytes[] = [];
  let length = 0;
  try {
    const source = new Blob([bytes]).stream();
    const stream = source.pipeThrough(new DecompressionStream("deflate-raw"));
    for await (const part of stream as unknown as AsyncIterable<Bytes>) {
      length += part.length;
      if (length > MAX_BYTES) break;
      parts.push(part);
    }
  } catch {
    throw new ClientError("bad_answer", "A description can't be read");
  }
  if (length > MAX_BYTES) throw new ClientError("bad_answer", "A description is too long");
  return concat(...parts);
}
