/**
 * The project's own test vectors, read from `tests/vectors/`.
 *
 * @module
 */

import { FILES, type VectorFiles } from "../vectors/check.ts";

/** Their folder. */
export const OWN_VECTORS = new URL("../vectors/", import.meta.url);

/** All of them. */
export async function ownVectors(): Promise<VectorFiles> {
  const read = async (name: string) => {
    const text = await Deno.readTextFile(new URL(`${name}.json`, OWN_VECTORS));
    return [name, JSON.parse(text)] as const;
  };
  return Object.fromEntries(await Promise.all(FILES.map(read))) as unknown as VectorFiles;
}
