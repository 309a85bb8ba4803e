/**
 * What the service says, held against what it publishes that it says: every answer over HTTP against
 * the operation that it is of, and every frame against its schema. A test in which the service says
 * anything else fails, whatever it was about.
 *
 * @module
 */

import { codesOf, type Operation } from "../../routes/operation.ts";
import { problem } from "../../wire/schema_answers.ts";
import { SERVER_FRAMES } from "../../wire/schema_frames.ts";
import { problemFromWire } from "../../wire/problem.ts";

/** Notes what an answer has that its operation does not declare. */
export type Check = (request: Request, response: Response) => Promise<string | null>;

/** Holds answers against operations; what is no operation's is not looked at. */
export function answerCheck(operations: readonly Operation[]): Check {
  const known = operations.map((operation) => {
    const pattern = operation.path.replaceAll(".", "\\.").replace(/:(\w+)\{(.*)\}$/, "($2)")
      .replace(/:\w+/g, "[^/]+");
    return { operation, pattern: new RegExp(`^${pattern}$`), codes: codesOf(operation) };
  });
  return async ({ url, method }, response) => {
    const { pathname } = URL.parse(url) ?? { pathname: "" };
    const asked = method === "HEAD" ? "GET" : method;
    // Where two paths match, the first one is meant, whatever it takes.
    const place = known.find(({ pattern }) => pattern.test(pathname))?.operation.path;
    const found = known.find(({ operation: { path, method } }) =>
      path === place && method === asked
    );
    if (found === undefined || response.status === 101) return null;
    const { operation: { id, answer }, codes } = found;
    const text = await response.text();
    const what = `${id} answered ${response.status}`;
    if (response.status >= 400) {
      if (method === "HEAD") return null;
      const said = problemFromWire(JSON.parse(text));
      if (said === null || !problem.safeParse(JSON.parse(text)).success) return `${what}: ${text}`;
      return codes.has(said.code) ? null : `${what} with the undeclared code ${said.code}`;
    }
    if (response.status === 304) return null;
    if (response.status !== answer.status) return `${what}, which is not declared`;
    const type = response.headers.get("content-type");
    if (type !== answer.type) return `${what} as ${type}, not as ${answer.type}`;
    if (answer.schema === null || method === "HEAD") return null;
    const result = answer.schema.safeParse(JSON.parse(text));
    return result.success ? null : `${what} with another shape: ${result.error.message}`;
  };
}

/** Holds a frame of the service against its schema. @throws Error */
export function requireFrame(text: string): void {
  const frame = JSON.parse(text);
  if (!Object.hasOwn(SERVER_FRAMES, frame.t)) throw new Error(`an undeclared frame: ${text}`);
  const { schema } = SERVER_FRAMES[frame.t as keyof typeof SERVER_FRAMES];
  const result = schema.safeParse(frame);
  if (!result.success) throw new Error(`${text} is not as declared: ${result.error.message}`);
}
