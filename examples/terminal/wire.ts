/**
 * What crosses the wire to the service: each request with its sizes, and the log's proof in the
 * answer. It only looks: the client has verified the proof by the time it is shown here.
 *
 * @module
 */

/** One request and its answer. */
export interface Exchange {
  /** Method and path. */
  readonly request: string;
  /** Bytes of the body sent. */
  readonly sentBytes: number;
  /** Bytes of the body received. */
  readonly receivedBytes: number;
  /** The proof in the answer, or null where there is none. */
  readonly proof: ShownProof | null;
}

/** A C2SP tlog-proof, in numbers. */
export interface ShownProof {
  /** Place of the entry in the log. */
  readonly index: number;
  /** How many hashes lead from the entry to the root. */
  readonly hashes: number;
  /** Entries in the log. */
  readonly size: number;
  /** The root, base64. */
  readonly root: string;
}

/** Listens to every request of this process from now on; gives those since it was asked last. */
export function watchWire(): () => readonly Exchange[] {
  const original = globalThis.fetch;
  let exchanges: Exchange[] = [];
  globalThis.fetch = async (input, init) => {
    const response = await original(input, init);
    const text = await response.clone().text();
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    exchanges.push({
      request: `${init?.method ?? "GET"} ${path}`,
      sentBytes: typeof init?.body === "string" ? init.body.length : 0,
      receivedBytes: text.length,
      proof: proofOf(text),
    });
    return response;
  };
  return () => {
    const taken = exchanges;
    exchanges = [];
    return taken;
  };
}

/** The lines of a proof: header, extra, index, hashes, nothing, then origin, size and root. */
function proofOf(body: string): ShownProof | null {
  const text: unknown = JSON.parse(body || "{}")?.proof;
  if (typeof text !== "string") return null;
  const [proof = "", checkpoint = ""] = text.split("\n\n", 2);
  const lines = proof.split("\n");
  const at = lines.findIndex((line) => line.startsWith("index "));
  const [, size = "", root = ""] = checkpoint.split("\n");
  return {
    index: Number(lines[at]?.slice("index ".length)),
    hashes: lines.length - at - 1,
    size: Number(size),
    root,
  };
}
