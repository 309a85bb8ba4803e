/**
 * Test vectors that others wrote, read from beside the repository and never copied into it.
 *
 * @module
 */

/**
 * The JSON of one vector file, or null where it is absent, and then a line says that the test
 * skips. Integers of 2^53 and more come as `bigint`, because a number would not be what was written.
 */
export async function vectors(path: string): Promise<unknown | null> {
  const folder = Deno.env.get("COUNTERSIGN_VECTORS") ??
    new URL("../../../shared/vectors", import.meta.url).pathname;
  let text: string;
  try {
    text = await Deno.readTextFile(`${folder}/${path}`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    // deno-lint-ignore no-console
    console.log(`skipped: no vectors at ${path}`);
    return null;
  }
  return JSON.parse(text, exactInteger);
}

function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source;
  if (source === undefined) throw new Error("This runtime's JSON.parse hides the source text");
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
}
