/**
 * Expecting a refusal of the client.
 *
 * @module
 */

import assert from "node:assert/strict";
import { ClientError } from "../../client/error.ts";

/** Waits for a refusal with this code. @throws AssertionError for anything else */
export async function refuses(work: Promise<unknown>, code: string): Promise<void> {
  await refusalOf(work, code);
}

/** The same, and gives the refusal. @throws AssertionError */
export async function refusalOf(work: Promise<unknown>, code: string): Promise<ClientError> {
  const error = await work.then(() => null, (error: unknown) => error);
  assert.ok(error instanceof ClientError, `refused with a ClientError, not ${error}`);
  assert.equal(error.code, code, `${error.problem}: ${error.message}`);
  return error;
}
