/**
 * Answers of other people's services: read up to a limit, as text in UTF-8, and no further.
 *
 * @module
 */

import { type Bytes, concat, fromUtf8 } from "../crypto/bytes.ts";

/** An answer that is not what the protocol says; its sentence holds nothing of the answer. */
export class HttpAnswerError extends Error {
  override readonly name = "HttpAnswerError";
}

/** The bytes of an answer. @throws HttpAnswerError where there are more than `most` */
export async function readBytes(response: Response, most: number): Promise<Bytes> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of response.body ?? []) {
    length += part.length;
    // Leaving the loop cancels the rest.
    if (length > most) throw new HttpAnswerError("its answer is too long");
    parts.push(part);
  }
  return concat(...parts);
}

/** The text of an answer. @throws HttpAnswerError where it is longer than `most`, or no UTF-8 */
export async function readAnswer(response: Response, most: number): Promise<string> {
  const text = fromUtf8(await readBytes(response, most));
  if (text === null) throw new HttpAnswerError("its answer is not UTF-8");
  return text;
}
