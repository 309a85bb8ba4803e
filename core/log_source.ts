/**
 * Another log's public files over HTTP (C2SP tlog-tiles): tiles of hashes and bundles of entries.
 *
 *     GET <prefix>/tile/<L>/<N>[.p/<W>]    GET <prefix>/tile/entries/<N>[.p/<W>]
 *
 * Lengths are checked here, and nothing else: what proves an entry is the root that it leads to.
 *
 * @module
 */

import { type Bytes } from "../crypto/bytes.ts";
import { decodeEntryBundle } from "../crypto/entry_bundle.ts";
import { CryptoError } from "../crypto/error.ts";
import { HASH_BYTES } from "../crypto/primitives.ts";
import { TILE_BYTES, type TileRef } from "../crypto/tile.ts";
import { ENTRIES, formatTilePath, type TilePath, TILES } from "../wire/tile_path.ts";
import { HttpAnswerError, readBytes } from "./http_answer.ts";

/** Where a log's files are read. */
export interface LogSource {
  /** The first `width` hashes of a tile. @throws LogSourceError */
  tile(ref: TileRef): Promise<Bytes>;
  /** The first `width` entries under a tile of level 0. @throws LogSourceError */
  bundle(index: number, width: number): Promise<readonly Bytes[]>;
}

/** The log's files could not be had, or are not what they have to be. */
export class LogSourceError extends Error {
  override readonly name = "LogSourceError";
}

/** What can differ from the usual. */
export interface LogSourceOptions {
  /** How long one file may take, in milliseconds. */
  readonly timeoutMs?: number;
  /** Another way to the network, for tests. */
  readonly fetch?: typeof fetch;
}

const TIMEOUT_MS = 15_000;
/** Longest bundle in bytes: 256 entries of at most 8,195, each behind two bytes of length. */
const MAX_BUNDLE_BYTES = 256 * (2 + 8_195);

/** The files under a prefix, `https://example.org/log` say. */
export function openLogSource(prefix: string, options: LogSourceOptions = {}): LogSource {
  const { timeoutMs = TIMEOUT_MS } = options;
  const send = options.fetch ?? fetch;
  const base = prefix.replace(/\/+$/, "");

  async function read(path: TilePath, most: number): Promise<Bytes> {
    const file = formatTilePath(path).slice(TILES.length);
    try {
      const signal = AbortSignal.timeout(timeoutMs);
      const response = await send(`${base}/tile${file}`, { redirect: "manual", signal });
      if (response.status === 200) return await readBytes(response, most);
      await response.body?.cancel();
      throw new LogSourceError(`The log answered status ${response.status} for one of its files`);
    } catch (error) {
      if (error instanceof LogSourceError) throw error;
      if (error instanceof HttpAnswerError) {
        throw new LogSourceError("A file of the log is too long");
      }
      throw new LogSourceError("The log can't be reached");
    }
  }

  return {
    async tile(ref) {
      const data = await read(ref, TILE_BYTES);
      if (data.length === ref.width * HASH_BYTES) return data;
      throw new LogSourceError("A tile of the log has another width than was asked for");
    },
    async bundle(index, width) {
      const data = await read({ level: ENTRIES, index, width }, MAX_BUNDLE_BYTES);
      try {
        return decodeEntryBundle(data, width);
      } catch (error) {
        if (!(error instanceof CryptoError)) throw error;
        throw new LogSourceError("A bundle of the log's entries can't be read");
      }
    },
  };
}
