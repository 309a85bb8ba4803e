/**
 * The stage of the stories: a service, a proxy in front of it that may lie, and Alice, Bob and Carol,
 * registered and online. Bob takes every call.
 *
 * @module
 */

import { type Call, type IncomingCall } from "../../client/mod.ts";
import { Client } from "../../client/client.ts";
import { type ClientOptions } from "../../client/options.ts";
import { type ClientError } from "../../client/error.ts";
import { memoryStore, type Store, type Stored } from "../../client/store.ts";
import { read } from "./raw_store.ts";
import { parseAccountLabel } from "../../crypto/account_label.ts";
import { type Bytes } from "../../crypto/bytes.ts";
import { type Checkpoint, parseCheckpoint } from "../../crypto/checkpoint.ts";
import { parseNote, type Signer } from "../../crypto/note.ts";
import { deriveServiceKeys } from "../../core/service_keys.ts";
import { type Liar, startLiar } from "./liar.ts";
import { logAnyway } from "./operator.ts";
import { openCore, ORIGIN, testSecret } from "./service_core.ts";
import { startService, type TestServiceOptions } from "./service.ts";
import { TestStack } from "./test_stack.ts";
import { eventually, mallory } from "./werift.ts";

/** The people of the stories. */
export type Name = "alice" | "bob" | "carol";
const NAMES: readonly Name[] = ["alice", "bob", "carol"];

/** A call that both sides hold. */
export interface Connected {
  /** Alice's side. */
  readonly call: Call;
  /** Bob's side. */
  readonly answered: Call;
  /** Alice's stack. */
  readonly alices: TestStack;
  /** Bob's stack. */
  readonly bobs: TestStack;
}

/** Everything a story needs. */
export interface Stage extends AsyncDisposable {
  readonly origin: string;
  readonly liar: Liar;
  readonly kv: Deno.Kv;
  /** What the service logged. */
  readonly faults: readonly string[];
  readonly alice: Client;
  readonly bob: Client;
  readonly carol: Client;
  /** How often a client was told of a call. */
  ringsOf(name: "bob"): number;
  /** The next call that rings at Bob and was not taken yet. */
  nextRing(): Promise<IncomingCall>;
  /** The next message that a client refuses. */
  nextRefusal(name: Name): Promise<ClientError>;
  /** Alice calls Bob, who answers; resolves when both are connected and frames arrived. */
  connect(): Promise<Connected>;
  /** The same with Mallory between their stacks; resolves when Bob has answered. */
  connectThroughMallory(): Promise<Connected>;
  /** What somebody's store holds under a key. */
  storeOf(name: Name, key: string): Promise<Stored>;
  /** Opens somebody's store again, as after a restart. */
  reopen(name: Name, options: Partial<ClientOptions>): Promise<Client>;
  /** The bundles that the service hands out for somebody, as JSON. */
  bundleOf(name: Name): Promise<readonly unknown[]>;
  /** Puts a record under a name into the log as this version, as only the operator can. */
  logAnyway(name: Name, version: number, record: Bytes): Promise<void>;
  /** What a checkpoint's note says, unverified. */
  headOf(note: string): Checkpoint;
  /** Turns the service's clock forward. */
  advance(ms: number): void;
  /** The log's own signing key. */
  logSigner(): Promise<Signer>;
  /** The verifier key of a log of the same name with another key. */
  otherLogKey(): Promise<string>;
}

/** Sets the stage, with a service of these options. */
export async function stage(options: TestServiceOptions = {}): Promise<Stage> {
  const liar = startLiar();
  const kv = options.kv ?? await Deno.openKv(":memory:");
  const service = await startService({ ...options, kv, publicOrigin: liar.url });
  liar.target = service.url;
  const stores = new Map<Name, Store>(NAMES.map((name) => [name, memoryStore()]));
  const clients = new Map<Name, Client>();
  for (const name of NAMES) {
    const client = await Client.open({ service: liar.url, store: stores.get(name)! });
    await client.register(name);
    await client.goOnline();
    clients.set(name, client);
  }
  const { alice, bob, carol } = Object.fromEntries(clients) as Record<Name, Client>;
  const closing = new AbortController();
  const rung: IncomingCall[] = [];
  const answering = (async () => {
    for await (const incoming of bob.incoming(closing.signal)) rung.push(incoming);
  })();

  let taken = 0;
  async function nextRing(): Promise<IncomingCall> {
    await eventually(() => rung.length > taken);
    return rung[taken++]!;
  }

  async function call(alices: TestStack, bobs: TestStack): Promise<Connected> {
    const placed = await alice.call("bob", alices);
    const answered = await (await nextRing()).answer(bobs);
    return { call: placed, answered, alices, bobs };
  }

  return {
    origin: ORIGIN,
    liar,
    kv,
    faults: service.faults,
    alice,
    bob,
    carol,
    ringsOf: () => rung.length,
    nextRing,
    nextRefusal: (name) =>
      new Promise((resolve) => {
        clients.get(name)!.onRefused = resolve;
      }),
    async connect() {
      const held = await call(new TestStack(), new TestStack());
      await eventually(() =>
        held.call.state === "connected" && held.answered.state === "connected" &&
        held.alices.framesOpened > 0 && held.bobs.framesOpened > 0
      );
      return held;
    },
    async connectThroughMallory() {
      const between = await mallory();
      try {
        const held = await call(new TestStack(between), new TestStack(between));
        await Promise.all([held.call.ended, held.answered.ended]);
        return held;
      } finally {
        between.close();
      }
    },
    storeOf: (name, key) => read(stores.get(name)!, key),
    reopen: (name, options) =>
      Client.open({ service: liar.url, store: stores.get(name)!, ...options }),
    async bundleOf(name) {
      const seen: unknown[] = [];
      const lie = liar.answerLie;
      liar.answerLie = (path, value) => {
        if (path === `/v1/directory/${name}/bundle`) {
          seen.push(...(value as { bundles: unknown[] }).bundles);
        }
        return value;
      };
      const stack = new TestStack();
      const probe = await bob.call(name, stack);
      await probe.hangUp();
      liar.answerLie = lie;
      return seen;
    },
    async logAnyway(name, version, record) {
      await using operator = await openCore(kv);
      await logAnyway(operator, parseAccountLabel(name), version, record);
    },
    advance: (ms) => service.advance(ms),
    headOf: (note) => parseCheckpoint(parseNote(note).text),
    logSigner: async () => (await deriveServiceKeys(testSecret(), ORIGIN)).logSigner,
    otherLogKey: async () => (await deriveServiceKeys(testSecret(8), ORIGIN)).logVerifierKey,
    async [Symbol.asyncDispose]() {
      closing.abort();
      await answering;
      for (const client of [alice, bob, carol]) client.close();
      await liar.close();
      await service.close();
    },
  };
}
