/**
 * Refusals as RFC 9457 answers.
 *
 * A refusal says its code and one sentence. Whatever else is thrown is a fault of ours: the client
 * learns nothing of it, and the log gets its kind and its place but never its message, because
 * nobody knows what a stranger's message holds.
 *
 * @module
 */

import { ServiceError } from "../core/error.ts";
import { type Report } from "../core/report.ts";
import { StoreError } from "../kv/store_error.ts";
import { type Problem, PROBLEM_STATUS, type ProblemCode } from "../wire/problem.ts";

/** Takes what is to be told to the operator. */
export type Log = Report;

/** How DPoP calls our refusals (RFC 9449, section 7.1, and RFC 6750, section 3.1). */
const CHALLENGE: Partial<Record<ProblemCode, string>> = {
  use_dpop_nonce: "use_dpop_nonce",
  invalid_proof: "invalid_dpop_proof",
  proof_replayed: "invalid_dpop_proof",
  invalid_token: "invalid_token",
};

/** The refusal that an exception stands for; a fault of ours is logged. */
export function refusalOf(error: unknown, log: Log): ServiceError {
  if (error instanceof ServiceError) return error;
  log(faultLine(error), { level: "error", event: "fault", kind: kindOf(error) });
  if (error instanceof StoreError) {
    return new ServiceError("unavailable", "The store does not answer: try again later");
  }
  return new ServiceError("internal", "The service failed: try again later");
}

/** A refusal as an answer. */
export function problemResponse(refusal: Pick<ServiceError, "code" | "message">): Response {
  const { code, message: title } = refusal;
  const status = PROBLEM_STATUS[code];
  const problem: Problem = { type: "about:blank", status, code, title };
  const headers = new Headers({ "content-type": "application/problem+json" });
  if (status === 401) headers.set("www-authenticate", challenge(code));
  if (status === 429 || status === 503) headers.set("retry-after", "1");
  return new Response(JSON.stringify(problem), { status, headers });
}

function challenge(code: ProblemCode): string {
  const error = CHALLENGE[code];
  const algorithms = `algs="EdDSA Ed25519"`;
  return error === undefined ? `DPoP ${algorithms}` : `DPoP error="${error}", ${algorithms}`;
}

/** The name of an exception. */
function kindOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error;
}

function faultLine(error: unknown): string {
  if (!(error instanceof Error)) return `fault: ${typeof error} thrown`;
  // Our own broken invariants say what broke, and hold nothing of anybody's.
  const said = error.message.startsWith("bug: ") ? ` ${error.message}` : "";
  // The stack begins with the message, which may have lines that look like frames.
  const head = `${error.name}: ${error.message}\n`;
  const frames = error.stack?.startsWith(head) ? error.stack.slice(head.length).split("\n") : [];
  return [`fault: ${error.name}${said}`, ...frames.slice(0, 6)].join("\n");
}
