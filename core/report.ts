/**
 * What the service tells its operator: a sentence, and the same as facts for a machine.
 *
 * Neither ever holds a name of the directory, an address of a client, a token or a ciphertext.
 *
 * @module
 */

/** How much it matters: nothing to do, to be watched, or broken. */
export type Level = "info" | "warn" | "error";

/** What happened, for a machine; fields beside `level` and `event` are the event's own. */
export interface Facts {
  readonly level: Level;
  /** In snake_case; for good. */
  readonly event: string;
  readonly [field: string]: string | number | boolean;
}

/** Takes what is to be told. */
export type Report = (sentence: string, facts?: Facts) => void;

/** One line of JSON: `{"time","level","event",…,"message"}`. */
export function jsonLine(sentence: string, facts: Facts | undefined, nowMs: number): string {
  const { level = "info", event = "said", ...fields } = facts ?? {};
  const time = new Date(nowMs).toISOString();
  return JSON.stringify({ time, level, event, ...fields, message: sentence });
}
