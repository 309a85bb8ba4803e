/**
 * The log's files: checkpoint and tiles, read without an account, and no further than each may be long.
 *
 * @module
 */

import { type Bytes, concat, fromUtf8 } from "../crypto/bytes.ts";
import { MAX_NOTE_BYTES } from "../crypto/note.ts";
import { HASH_BYTES } from "../crypto/primitives.ts";
import { hashesFromTiles, planTiles, type Tile, type TileRef } from "../crypto/tile.ts";
import { type HashRef } from "../crypto/tree.ts";
import { CHECKPOINT } from "../wire/log.ts";
import { formatTilePath } from "../wire/tile_path.ts";
import { ClientError } from "./error.ts";

/** How long one file may take, in milliseconds. */
const TIMEOUT_MS = 15_000;
/** Most tiles that are kept; they never change. */
const MAX_KEPT = 64;

/** The files of one log. */
export class LogFiles {
  readonly #origin: string;
  readonly #tiles = new Map<string, Bytes>();
  readonly #closed = new AbortController();

  /** @param origin scheme and host of the service */
  constructor(origin: string) {
    this.#origin = origin;
  }

  /** The newest checkpoint, which nobody has verified. @throws ClientError */
  async checkpoint(): Promise<string> {
    const text = fromUtf8(await this.#read(CHECKPOINT, MAX_NOTE_BYTES));
    if (text === null) throw new ClientError("bad_answer", "The checkpoint is no text");
    return text;
  }

  /** Hashes of complete subtrees of a tree, which prove nothing yet. @throws ClientError */
  async hashes(refs: readonly HashRef[], size: number): Promise<readonly Bytes[]> {
    const tiles = await Promise.all(planTiles(refs, size).map((ref) => this.#tile(ref)));
    return hashesFromTiles(refs, tiles);
  }

  /** Ends every request under way. */
  close(): void {
    this.#closed.abort();
  }

  async #tile({ level, index, width }: TileRef): Promise<Tile> {
    const path = formatTilePath({ level, index, width });
    let data = this.#tiles.get(path);
    if (data === undefined) {
      data = await this.#read(path, width * HASH_BYTES);
      if (data.length !== width * HASH_BYTES) {
        throw new ClientError("bad_answer", "A tile has another length than its width");
      }
      if (this.#tiles.size >= MAX_KEPT) this.#tiles.clear();
      this.#tiles.set(path, data);
    }
    return { level, index, data };
  }

  async #read(path: string, most: number): Promise<Bytes> {
    const signal = AbortSignal.any([AbortSignal.timeout(TIMEOUT_MS), this.#closed.signal]);
    try {
      const response = await fetch(this.#origin + path, {
        credentials: "omit",
        redirect: "error",
        signal,
      });
      if (!response.ok) {
        await response.body?.cancel();
        throw new ClientError("unavailable", `The service answered ${response.status}`);
      }
      return await readBody(response, most);
    } catch (cause) {
      if (cause instanceof ClientError) throw cause;
      if (this.#closed.signal.aborted) throw new ClientError("closed", "The log was closed");
      throw new ClientError("network", "The service can't be reached", { cause });
    }
  }
}

/** Reads no further than the limit, whatever the service goes on sending. */
async function readBody({ body }: Response, most: number): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let length = 0;
  const reader = body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > most) {
      void reader.cancel().catch(() => {});
      throw new ClientError("bad_answer", "The service's answer is too long");
    }
    parts.push(value);
  }
  return concat(...parts);
}
