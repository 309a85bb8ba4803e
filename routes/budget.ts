/**
 * How often an operation may still be asked for, in its answers (draft-ietf-httpapi-ratelimit-headers):
 *
 *     RateLimit-Policy: "prekeys";q=8;w=4800      8 at once, all of them anew in 4,800 s
 *     RateLimit: "prekeys";r=7;t=600              7 are left, all 8 again in 600 s
 *
 * Tokens come back one by one, so `Retry-After` of a refusal is the time until the next one.
 *
 * @module
 */

import { ServiceError } from "../core/error.ts";
import { type Rate } from "../core/token_bucket.ts";
import { type Budget } from "./operation.ts";
import { problemResponse } from "./problem.ts";

/** Answers, and says what is left; also where the answer is that nothing is left. */
export async function withBudget<T>(
  budget: Budget<T>,
  taken: T,
  nowMs: () => number,
  answer: () => Promise<Response>,
): Promise<Response> {
  let response: Response;
  let isRefused = false;
  try {
    response = await answer();
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    isRefused = error.code === "rate_limited";
    response = problemResponse(error);
  }
  const { name, buckets } = budget;
  const { rate } = buckets;
  const left = buckets.left(budget.key(taken), nowMs());
  response.headers.set("ratelimit-policy", `"${name}";q=${rate.burst};w=${wholeS(rate, 0)}`);
  response.headers.set("ratelimit", `"${name}";r=${Math.floor(left)};t=${wholeS(rate, left)}`);
  if (isRefused) response.headers.set("retry-after", `${nextS(rate, left)}`);
  return response;
}

/** Seconds until the budget is whole again. */
function wholeS({ burst, refillMs }: Rate, left: number): number {
  return Math.ceil((burst - left) * refillMs / 1_000);
}

/** Seconds until there is one more. */
function nextS({ refillMs }: Rate, left: number): number {
  return Math.max(1, Math.ceil((1 - left % 1) * refillMs / 1_000));
}
