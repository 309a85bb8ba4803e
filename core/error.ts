/**
 * The one error of the service: a code of `wire/problem.ts` and a sentence for people.
 *
 * The sentence never holds a name, a key or a token: it goes to the client and to the log.
 *
 * @module
 */

import { type ProblemCode } from "../wire/problem.ts";

/** A refusal. */
export class ServiceError extends Error {
  /** Which one. */
  readonly code: ProblemCode;

  /** @param code which refusal @param message one sentence for people */
  constructor(code: ProblemCode, message: string) {
    super(message);
    this.name = "ServiceError";
    this.code = code;
  }
}
