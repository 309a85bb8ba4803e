/**
 * One of several instances on one store: what the relay of a clustered service works with.
 *
 *     committer   the one writer            inbox reader   the one watch
 *     rooms, bus  what the relay sees       lease          who lives
 *     takeover    connections that come     handover       connections that go
 *     elsewhere   what presence asks
 *
 * @module
 */

import { toBase64Url } from "../../crypto/base64.ts";
import { randomBytes } from "../../crypto/primitives.ts";
import { type Secret } from "../../crypto/secret.ts";
import { listReach, readConnection } from "../../kv/connection_rows.ts";
import { CLOSE } from "../../wire/close.ts";
import { derivedKeys } from "../connection_key.ts";
import { type Unnumbered } from "../effect.ts";
import { type Elsewhere } from "../presence.ts";
import { type Relay, type RelayParts } from "../relay.ts";
import { type ClusterBus, openClusterBus } from "./cluster_bus.ts";
import { clusterRooms } from "./cluster_rooms.ts";
import { openCommitter } from "./committer.ts";
import { openElsewhere } from "./elsewhere.ts";
import { type Committer } from "./task.ts";
import { type Handover, openHandover } from "./handover.ts";
import { type InboxReader, openReader } from "./inbox_reader.ts";
import { type Word } from "./item.ts";
import { openLeftInboxes } from "./left_inboxes.ts";
import { openLease, type OwnLease } from "./lease.ts";
import { openOwnRows } from "./own_rows.ts";
import { openResidents } from "./residents.ts";
import { openSettler } from "./settler.ts";
import { openSweep, type Sweep } from "./sweep.ts";
import { openTakeover, type Takeover } from "./takeover.ts";
import { type ClusterTiming } from "./timing.ts";

/** What an instance is made of. */
export interface ClusterParts {
  readonly kv: Deno.Kv;
  readonly timing: ClusterTiming;
  /** A clock that never goes back, in milliseconds. */
  readonly monotonic: () => number;
  /** Derives resume keys. */
  readonly resumes: Secret;
  /** Takes faults that nobody waits for. */
  readonly report: (error: unknown) => void;
  /** Is given sentences for the operator. */
  readonly say: (sentence: string) => void;
  /** Is told once that this instance was given up: its connections are closed by then. */
  readonly onFenced: () => void;
}

/** One of several instances. */
export interface Cluster {
  /** Its name, fresh with every start. */
  readonly instance: string;
  /** What its relay is made of. */
  readonly parts: Required<
    Pick<
      RelayParts,
      "bus" | "rooms" | "whereabouts" | "elsewhere" | "makeKey" | "onChange" | "onOver"
    >
  >;
  /** Begins, once there is a relay. @throws StoreError */
  begin(relay: Relay): Promise<void>;
  /** Leaves everything to the others: snapshots of all connections, and an ended lease. */
  drain(): Promise<void>;
  /** Stops. */
  close(): Promise<void>;
}

/** An instance that is not begun yet. */
export function openCluster(clusterParts: ClusterParts): Cluster {
  const { kv, timing, resumes, monotonic, report, onFenced } = clusterParts;
  const instance = toBase64Url(randomBytes(12));
  const makeKey = derivedKeys(resumes);
  const residents = openResidents();
  const settler = openSettler(kv, quietly);
  const committer: Committer = openCommitter({
    kv,
    instance,
    onFenced: fenced,
    monotonic,
    patienceMs: timing.deadMs,
  });
  const rows = openOwnRows({
    instance,
    committer,
    isStopping: () => isStopping,
    onTaken(connection) {
      if (!residents.leaving.has(connection.cid)) relay?.connections.forget(connection, false);
    },
    report: quietly,
  });
  let reader: InboxReader | null = null;
  let lease: OwnLease | null = null;
  let relay: Relay | null = null;
  let handover: Handover | null = null;
  let takeover: Takeover | null = null;
  let elsewhere: Elsewhere | null = null;
  let isStopping = false;
  let draining: Promise<void> | null = null;

  const bus: ClusterBus = openClusterBus({
    instance,
    committer,
    settler,
    residents,
    reader: begun,
    onWord: heard,
    onStray: stray,
    report: quietly,
  });
  const rooms = clusterRooms({ committer, bus, reader: begun, settler });
  const sweep: Sweep = openSweep(kv, rooms, {
    graceMs: timing.deadMs,
    windowMs: timing.windowMs,
  });

  function begun(): InboxReader {
    if (reader === null) throw new Error("bug: a cluster that was not begun");
    return reader;
  }

  /** Faults that are no news: an instance that was given up, or stops. */
  function quietly(error: unknown): void {
    if (!isStopping && !committer.isFenced()) report(error);
  }

  function fenced(): void {
    if (isStopping) return;
    isStopping = true;
    settler.stop();
    // Nobody is told anything more, and nothing is told for them.
    for (const connection of [...relay?.connections.all() ?? []]) {
      const { outlet } = connection;
      connection.outlet = null;
      outlet?.close(CLOSE.drain, "given up");
      relay!.connections.forget(connection, false);
    }
    onFenced();
  }

  function heard(word: Word): void {
    switch (word.word) {
      case "ask":
        return void handover!.give(word.cid, word.by).catch(quietly);
      case "taken":
        return handover!.lost(word.cid);
      default:
        takeover!.heard(word);
    }
  }

  /** Frames of no room, for a connection that has moved. */
  function stray(cid: string, frame: Unnumbered): void {
    if ("room" in frame) return;
    (async () => {
      const { row } = await readConnection(kv, cid);
      if (row === null || row.owner === instance) return;
      await bus.publish(new Map([[row.owner, [{ to: [cid], frame }]]]));
    })().catch(quietly);
  }

  async function stop(): Promise<void> {
    isStopping = true;
    await reader?.close();
    await lease?.close();
    await committer.close();
    await settler.close();
  }

  return {
    instance,
    parts: {
      bus,
      rooms,
      whereabouts: {
        async of(account) {
          const reach = await listReach(kv, account);
          return reach.flatMap(({ cid, owner, device, isAway }) =>
            device === null ? [] : [{ cid, instance: owner, device, isAway }]
          );
        },
      },
      elsewhere: (party, request) => elsewhere!(party, request),
      makeKey,
      onChange: rows.keep,
      onOver: rows.drop,
    },
    async begin(its) {
      relay = its;
      const { connections } = its;
      residents.has = (cid) => connections.get(cid) !== null;
      reader = openReader({
        kv,
        instance,
        onCome: bus.come,
        pollMs: timing.pollMs,
        report: quietly,
      });
      handover = openHandover({
        kv,
        instance,
        committer,
        residents,
        reader: begun,
        connections,
        onGone: rows.gave,
        rowOf: rows.rowOf,
      });
      lease = await openLease({
        kv,
        instance,
        timing,
        monotonic,
        onFenced: fenced,
        onEnded: sweep,
        report: quietly,
        say: clusterParts.say,
      });
      takeover = openTakeover({
        kv,
        instance,
        committer,
        lease,
        residents,
        settler,
        left: openLeftInboxes(kv, instance, monotonic),
        askMs: timing.askMs,
      });
      elsewhere = openElsewhere({ takeover, rows, bus, makeKey });
    },
    drain() {
      return draining ??= (async () => {
        if (lease === null || committer.isFenced()) return;
        await handover!.leaveAll(() => reader!.cursors());
        isStopping = true;
        await settler.flush();
        await lease.drain();
      })();
    },
    async close() {
      await draining?.catch(() => {});
      await stop();
    },
  };
}
