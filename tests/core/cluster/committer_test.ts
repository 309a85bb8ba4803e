import assert from "node:assert/strict";
import { openCommitter } from "../../../core/cluster/committer.ts";
import { type Committer, Overtaken } from "../../../core/cluster/task.ts";
import { ServiceError } from "../../../core/error.ts";
import { placeFor, withSeat } from "../../../core/room.ts";
import { fromUtf8, utf8 } from "../../../crypto/bytes.ts";
import { randomBytes } from "../../../crypto/primitives.ts";
import { readInbox } from "../../../kv/inboxes.ts";
import { endLease, foundInstance, readLease } from "../../../kv/instances.ts";
import { type Party } from "../../../core/identity.ts";
import { faultyKv } from "../../support/faulty_kv.ts";

const monotonic = (): number => performance.now();

async function writer(kv: Deno.Kv, instance: string, onFenced = () => {}): Promise<Committer> {
  await foundInstance(kv, instance);
  return openCommitter({ kv, instance, onFenced, monotonic, patienceMs: 2_000 });
}

/** Somebody takes a seat in a room, and everybody's inbox is told. */
function join(committer: Committer, instance: string, room: string, cid: string, tell: string) {
  const party = { kind: "account", identity: cid, account: cid, device: 1 } as unknown as Party;
  return committer.submit({
    rooms: [room],
    build(draft) {
      const now = draft.room(room);
      const seat = placeFor({ cid, instance, party }, `m${cid}`, "member");
      draft.setRoom({ ...withSeat(now, seat), rseq: now.rseq + 1 });
      draft.post(tell, utf8(`${cid} ${now.rseq + 1}`));
    },
  });
}

async function inboxOf(kv: Deno.Kv, instance: string): Promise<string[]> {
  const { arrivals } = await readInbox(kv, instance, new Map());
  return arrivals.flatMap(({ items }) => items.map((item) => fromUtf8(item)!));
}

Deno.test("two instances that change one room at once lose no change, and tell each once", async () => {
  using kv = await Deno.openKv(":memory:");
  const one = await writer(kv, "one");
  const two = await writer(kv, "two");
  const done: Promise<unknown>[] = [];
  for (let i = 0; i < 60; i++) {
    done.push(join(i % 2 ? one : two, i % 2 ? "one" : "two", "room", `c${i}`, "reader"));
    if (i % 7 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(done);
  const room = await one.refresh("room");
  assert.deepEqual([room.seats.size, room.rseq], [60, 60]);
  const told = await inboxOf(kv, "reader");
  assert.equal(new Set(told).size, 60);
  // In the order of commits the room's numbers follow on one another.
  assert.deepEqual(
    told.map((text) => Number(text.split(" ")[1])),
    Array.from(told, (_, i) => i + 1),
  );
  await one.close();
  await two.close();
});

Deno.test("what is committed keeps its order and comes once, whatever the store answers", async () => {
  using kv = await Deno.openKv(":memory:");
  const faulty = faultyKv(kv, (n) => ([null, "before", "after", null, "after"] as const)[n % 5]!);
  const committer = await writer(faulty.kv, "one");
  const done: Promise<unknown>[] = [];
  for (let i = 0; i < 50; i++) {
    const build = (draft: { post(to: string, item: Uint8Array<ArrayBuffer>): void }): void =>
      draft.post("reader", utf8(`${i}`));
    done.push(committer.submit({ rooms: [], build }));
    if (i % 3 === 0) await new Promise((resolve) => setTimeout(resolve, 2));
  }
  await Promise.all(done);
  assert.deepEqual(await inboxOf(kv, "reader"), Array.from({ length: 50 }, (_, i) => `${i}`));
  await committer.close();
});

Deno.test("many things at once are few commits, and more than one commit holds are several", async () => {
  using kv = await Deno.openKv(":memory:");
  const counted = faultyKv(kv, () => null);
  const committer = await writer(counted.kv, "one");
  const before = counted.commits();
  await Promise.all(
    Array.from({ length: 200 }, (_, i) =>
      committer.submit({
        rooms: [],
        build: (draft) => draft.post("reader", utf8(`${i}`)),
      })),
  );
  assert.ok(counted.commits() - before <= 3, `${counted.commits() - before} commits`);
  const long = randomBytes(30_000);
  await Promise.all(
    Array.from({ length: 60 }, () =>
      committer.submit({
        rooms: [],
        build: (draft) => draft.post("other", long),
      })),
  );
  assert.equal((await inboxOf(kv, "reader")).length, 200);
  const { arrivals } = await readInbox(kv, "other", new Map());
  assert.equal(arrivals.flatMap(({ items }) => items).length, 60);
  await committer.close();
});

Deno.test("a task whose row was changed is refused, and those beside it are not", async () => {
  using kv = await Deno.openKv(":memory:");
  const committer = await writer(kv, "one");
  await kv.set(["row"], 1);
  const stale = committer.submit({
    rooms: [],
    build(draft) {
      draft.check({ key: ["row"], versionstamp: "0".repeat(20) });
      draft.post("reader", utf8("never"));
    },
  });
  const beside = committer.submit({ rooms: [], build: (draft) => draft.post("reader", utf8("1")) });
  await assert.rejects(stale, Overtaken);
  await beside;
  assert.deepEqual(await inboxOf(kv, "reader"), ["1"]);
  await committer.close();
});

Deno.test("a decision that throws is the caller's, and nothing of it is written", async () => {
  using kv = await Deno.openKv(":memory:");
  const committer = await writer(kv, "one");
  const refused = committer.submit({
    rooms: [],
    build(draft) {
      draft.post("reader", utf8("never"));
      throw new ServiceError("forbidden", "No");
    },
  });
  const beside = committer.submit({ rooms: [], build: (draft) => draft.post("reader", utf8("1")) });
  await assert.rejects(refused, /No/);
  await beside;
  assert.deepEqual(await inboxOf(kv, "reader"), ["1"]);
  await committer.close();
});

Deno.test("an instance that was given up commits nothing more, and is told so once", async () => {
  using kv = await Deno.openKv(":memory:");
  let fenced = 0;
  const committer = await writer(kv, "one", () => fenced++);
  await join(committer, "one", "room", "a", "reader");
  assert.equal(await endLease(kv, (await readLease(kv, "one"))!, "dead"), true);
  await assert.rejects(join(committer, "one", "room", "b", "reader"), /given up/);
  await assert.rejects(join(committer, "one", "room", "c", "reader"), /given up/);
  assert.equal(fenced, 1);
  assert.deepEqual(await inboxOf(kv, "reader"), ["a 1"]);
  await committer.close();
});
