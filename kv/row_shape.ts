/**
 * What each row of a store looks like, for whoever audits one: the modules of this folder believe
 * what they read, since they wrote it.
 *
 * @module
 */

import { type Row } from "./log_key.ts";

type Check = (value: unknown) => boolean;

/** The parts of a key behind its table, and the value. */
interface Shape {
  readonly key: readonly Check[];
  readonly value: Check;
}

const text: Check = (value) => typeof value === "string";
const bytes: Check = (value) => value instanceof Uint8Array;
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const flag: Check = (value) => typeof value === "boolean";
const listOf = (check: Check): Check => (value) => Array.isArray(value) && value.every(check);

function exactly(members: Readonly<Record<string, Check>>): Check {
  const names = Object.keys(members);
  return (value) => {
    if (typeof value !== "object" || value === null) return false;
    if (Object.keys(value).length !== names.length) return false;
    return names.every((name) =>
      Object.hasOwn(value, name) && members[name]!((value as Record<string, unknown>)[name])
    );
  };
}

const version = { version: count, recordHash: bytes };
const opened = { record: bytes, opening: bytes, vrfProof: bytes };
const state = exactly({ ...version, poolId: (value) => value === null || text(value) });

const shown = exactly({ size: count, root: bytes, note: bytes, verifierKey: text });

/** `["log", origin, table, ...]` */
const TABLES: Readonly<Record<string, Shape>> = {
  head: {
    key: [],
    value: exactly({
      size: count,
      frontier: listOf(bytes),
      root: bytes,
      prefixRoot: bytes,
      timestampMs: count,
      batchId: text,
    }),
  },
  published: { key: [], value: shown },
  audited: { key: [], value: shown },
  signed: { key: [], value: exactly({ size: count, root: bytes, note: text, atMs: count }) },
  frozen: {
    key: [],
    value: exactly({
      reason: text,
      atMs: count,
      evidence: (value) => value === null || text(value),
      isReplaying: flag,
    }),
  },
  lost: { key: [], value: exactly({ count }) },
  entry: { key: [count], value: bytes },
  tile: { key: [count, count], value: bytes },
  prefix: { key: [count, text], value: bytes },
  label: { key: [text], value: state },
  value: { key: [text, count], value: exactly({ ...opened, batchIndex: count }) },
  pool: {
    key: [text],
    value: exactly({ ...version, ...opened, label: text, commitment: bytes, vrfOutput: bytes }),
  },
  key: { key: [bytes], value: exactly({ label: text, deviceId: count }) },
  prekey: { key: [bytes], value: exactly({ label: text, deviceId: count, expMs: count }) },
  push: {
    key: [text, count],
    value: exactly({
      endpoint: text,
      p256dh: bytes,
      auth: bytes,
      signing: bytes,
      expMs: (value) => value === null || count(value),
    }),
  },
  erase: { key: [text], value: exactly({ version: count }) },
  room: {
    key: [text],
    value: exactly({
      creator: text,
      epoch: count,
      epochMs: count,
      isLocked: flag,
      hasEnded: flag,
      meta: (value) => value === null || text(value),
      people: bytes,
      bans: bytes,
      expMs: count,
      changeId: text,
    }),
  },
  rooms_of: {
    key: [text],
    value: exactly({ rooms: listOf(exactly({ room: text, expMs: count })) }),
  },
  invite: {
    key: [text, text],
    value: exactly({ role: text, uses: count, by: text, used: bytes, expMs: count }),
  },
  prekeys: {
    key: [text, count],
    value: exactly({
      set: bytes,
      signature: bytes,
      entryHash: bytes,
      setNumber: count,
      notBeforeMs: count,
      notAfterMs: count,
      opks: listOf(bytes),
      left: listOf(count),
    }),
  },
};

/** `["nonce", hash]` */
const NONCE: Shape = { key: [bytes], value: exactly({ expMs: count, id: text }) };
const keptAnswer = exactly({
  status: count,
  text: (value) => value === null || text(value),
});
/** `["idempotency", hash]` */
const IDEMPOTENCY: Shape = {
  key: [bytes],
  value: exactly({
    expMs: count,
    id: text,
    request: bytes,
    answer: (value) => value === null || keptAnswer(value),
  }),
};
/** `["link", slot]` */
const SLOT: Shape = {
  key: [bytes],
  value: exactly({ expMs: count, counts: exactly({ new: count, old: count }) }),
};
/** `["link", slot, side, n]` */
const MESSAGE: Shape = {
  key: [bytes, (value) => value === "new" || value === "old", count],
  value: bytes,
};

const entry = exactly({
  id: text,
  kind: (value) => value === "ring" || value === "message",
  from: text,
  device: (value) => value === null || count(value),
  call: (value) => value === null || text(value),
  sentMs: count,
  untilMs: count,
  notedUntilMs: count,
  size: count,
});
/** `["mailbox", label]` */
const MAILBOX: Shape = {
  key: [text],
  value: exactly({
    entries: listOf(entry),
    deliveryHash: (value) => value === null || bytes(value),
  }),
};
/** `["mailbox", label, entry]` */
const MAIL_TEXT: Shape = { key: [text, text], value: text };

/**
 * What running instances tell each other: of no log, and gone minutes after they stopped. An audit
 * says nothing about it.
 */
const OF_INSTANCES: readonly unknown[] = [
  "at",
  "bell",
  "connection",
  "connections",
  "in",
  "inbox",
  "instance",
  "journal",
  "owned",
  "rang",
  "seat_text",
  "seats",
  "snapshot",
];

/** A row that is of no table, or not as its table wants it. */
export interface Misfit {
  /** Its key. */
  readonly key: Deno.KvKey;
  /** The table's name, or null where there is none of that name. */
  readonly table: string | null;
}

/** The misfits of a store. @param prefix of the keys that are looked at */
export async function* listMisfits(kv: Deno.Kv, prefix: Deno.KvKey = []): AsyncIterable<Misfit> {
  for await (const { key, value } of kv.list({ prefix })) {
    const [root, origin, table] = key;
    if (OF_INSTANCES.includes(root)) continue;
    if (root === "nonce") {
      if (!isOf(NONCE, key.slice(1), value)) yield { key, table: root };
    } else if (root === "idempotency") {
      if (!isOf(IDEMPOTENCY, key.slice(1), value)) yield { key, table: root };
    } else if (root === "link") {
      const shape = key.length === 2 ? SLOT : MESSAGE;
      if (!isOf(shape, key.slice(1), value)) yield { key, table: root };
    } else if (root === "mailbox") {
      const shape = key.length === 2 ? MAILBOX : MAIL_TEXT;
      if (!isOf(shape, key.slice(1), value)) yield { key, table: root };
    } else if (
      root === "log" && typeof origin === "string" && typeof table === "string" &&
      Object.hasOwn(TABLES, table)
    ) {
      if (!isOf(TABLES[table]!, key.slice(3), value)) yield { key, table };
    } else {
      yield { key, table: null };
    }
  }
}

/** What a row holds, or null where there is none, or it is not as its table wants it. */
export function wellFormed<T>(table: string, row: Row<T> | null): T | null {
  return row !== null && TABLES[table]!.value(row.value) ? row.value : null;
}

function isOf(shape: Shape, key: Deno.KvKey, value: unknown): boolean {
  return key.length === shape.key.length && shape.key.every((check, i) => check(key[i])) &&
    shape.value(value);
}
