/**
 * The mailbox by requests, where no socket can be opened: missed calls are told and removed; what rings
 * can't be taken without a socket, is told as waiting, and stays for the socket that may come.
 *
 * Messages stay as well: this client makes none, and opens none.
 *
 * @module
 */

import { type MailNote, mailNotesFromWire } from "../wire/mail.ts";
import { MAILBOX } from "../wire/paths.ts";
import { toClientError } from "./error.ts";
import { type MissedCalls } from "./missed_calls.ts";
import { reading } from "./reading.ts";
import { pause } from "./reconnect.ts";
import { signerOf, type World } from "./world.ts";

/** How long a request for mail waits at the service, in milliseconds; less than any request may take. */
const WAIT_MS = 10_000;
/** How long until a mailbox is read again in which nothing is new, in milliseconds. */
const AGAIN_MS = 5_000;
/** Bound of the first wait before a socket is tried, which doubles, in milliseconds. */
const TRY_MS = 1_000;
/** Longest bound. */
const MAX_TRY_MS = 60_000;

/** What mail is read with. */
export interface PollParts {
  readonly world: World;
  readonly missed: MissedCalls;
  /** Ends it, or null. */
  readonly signal: AbortSignal | null;
  /** Goes online; null where that is tried elsewhere. */
  readonly enter: (() => Promise<void>) | null;
}

/**
 * Reads the mailbox until the signal aborts, or there is a socket.
 *
 * @throws ClientError where no further request can help
 */
export async function pollMail({ signal, enter, ...parts }: PollParts): Promise<void> {
  const done = new AbortController();
  const over = signal === null ? done.signal : AbortSignal.any([signal, done.signal]);
  const aborted = new Promise<void>((resolve) => {
    over.addEventListener("abort", () => resolve(), { once: true });
    if (over.aborted) resolve();
  });
  try {
    // A request that is under way then ends by itself, and what it brings stays in the mailbox.
    await Promise.race([
      aborted,
      keepReading({ ...parts, signal: over }),
      ...enter === null ? [] : [trying(enter, over)],
    ]);
  } finally {
    done.abort();
  }
}

interface ReadParts extends Pick<PollParts, "world" | "missed"> {
  readonly signal: AbortSignal;
}

async function keepReading(parts: ReadParts): Promise<void> {
  const { signal } = parts;
  while (!signal.aborted) {
    if (!await readOnce(parts)) await pause(AGAIN_MS, signal);
  }
}

async function trying(enter: () => Promise<void>, signal: AbortSignal): Promise<void> {
  for (let boundMs = TRY_MS; !signal.aborted; boundMs = Math.min(2 * boundMs, MAX_TRY_MS)) {
    await pause(Math.random() * boundMs, signal);
    if (signal.aborted) return;
    try {
      return await enter();
    } catch (error) {
      const failure = toClientError(error, "network");
      if (!failure.retryable) throw failure;
    }
  }
}

/** Whether anything was there that is new, or nothing at all, after the wait. */
async function readOnce({ world, missed, signal }: ReadParts): Promise<boolean> {
  try {
    const path = `${MAILBOX}?wait=${WAIT_MS}`;
    const entries = reading(
      mailNotesFromWire,
      await world.http.signed(signerOf(world), "GET", path),
    );
    if (signal.aborted) return false;
    const news = await Promise.all(entries.map((entry) => take(world, missed, entry)));
    return entries.length === 0 || news.includes(true);
  } catch (error) {
    const failure = toClientError(error, "network");
    // A proof may have slept with its machine, between being made and being sent.
    const mayPass = failure.retryable || failure.problem === "invalid_proof";
    if (signal.aborted || mayPass) return false;
    throw failure;
  }
}

async function take(world: World, missed: MissedCalls, note: MailNote): Promise<boolean> {
  const { kind, entry } = note;
  if (kind === "message") return false;
  const isNew = missed.take({ ...note, atMs: note.sentMs ?? world.now() }, kind === "ring");
  if (kind === "ring") return isNew;
  const path = `${MAILBOX}/${encodeURIComponent(entry)}`;
  await world.http.signed(signerOf(world), "DELETE", path);
  return isNew;
}
