/**
 * A service that lies about a room: it can keep messages back, and is noticed; it can make nobody say what
 * they did not.
 *
 * @module
 */

import assert from "node:assert/strict";
import { joinAsGuest } from "../../client/mod.ts";
import { fromBase64Url } from "../../crypto/base64.ts";
import { fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { type Frame } from "../support/liar.ts";
import { attend, type Witness } from "../support/room_talk.ts";
import { type Stage, stage } from "../support/stage.ts";
import { eventually } from "../support/werift.ts";

/** Alice, Bob and a guest in a room, until the guest leaves. */
interface Company extends AsyncDisposable {
  readonly alice: Witness;
  readonly bob: Witness;
  readonly guest: Witness;
}

async function three(play: Stage): Promise<Company> {
  const alice = attend(await play.alice.createRoom());
  const link = await alice.meeting.invite({ uses: 3 });
  const bob = attend(await play.bob.joinRoom(link));
  const guest = attend(await joinAsGuest({ link }));
  await alice.next("join");
  await alice.next("join");
  return { alice, bob, guest, [Symbol.asyncDispose]: () => guest.meeting.leave() };
}

/** Holds back the messages that go down to whoever hears this sender, and lets the test play them. */
function holding(play: Stage, from: string): Frame[] {
  const held: Frame[] = [];
  play.liar.frameLie = (direction, frame) => {
    if (direction === "up" || frame.t !== "signal" || frame["from"] !== from) return [frame];
    held.push(frame);
    return [];
  };
  return held;
}

const codes = ({ events }: Witness): string[] =>
  events.flatMap((event) => event.kind === "refused" ? [event.error.code] : []);

Deno.test("a message that the service keeps back is missed: room_message_missing", async () => {
  await using play = await stage();
  await using company = await three(play);
  const { alice, bob } = company;
  const refusal = play.nextRefusal("bob");
  await alice.say("one");
  await bob.heard(1);
  const held = holding(play, alice.meeting.self!.id);
  await alice.say("two");
  await alice.say("three");
  await eventually(() => held.length === 4);
  play.liar.frameLie = null;
  await alice.say("four");
  await bob.heard(2);
  assert.deepEqual(bob.texts(), ["one", "four"]);
  const { member, count } = await bob.next("missing");
  assert.deepEqual([member?.account, count], ["alice", 2]);
  assert.equal((await refusal).code, "room_message_missing");
  // Said late they are refused: what is out of its order never passes for what comes now.
  for (const frame of held.slice(0, 2)) play.liar.inject({ ...frame, id: `late${frame["id"]}` });
  await bob.next("refused");
  assert.deepEqual(bob.texts(), ["one", "four"]);
});

Deno.test("a message that comes again, in another order, or under another name is refused", async () => {
  await using play = await stage();
  await using company = await three(play);
  const { alice, bob, guest } = company;
  const from = alice.meeting.self!.id;
  const held = holding(play, from);
  await alice.say("one");
  await alice.say("two");
  await eventually(() => held.length === 4);
  play.liar.frameLie = null;
  const [one, two] = [held[0]!, held.find(({ id }) => id !== held[0]!["id"])!];
  play.liar.inject(two);
  await bob.heard(1);
  play.liar.inject(one);
  play.liar.inject({ ...two, id: "again" });
  await eventually(() => codes(bob).length === 2 && codes(guest).length === 2);
  // Bob's and the guest's words put into each other's mouth.
  const bobs = holding(play, bob.meeting.self!.id);
  await bob.say("bob's");
  await eventually(() => bobs.length === 2);
  play.liar.frameLie = null;
  play.liar.inject({ ...bobs[0]!, id: "a", from });
  play.liar.inject({ ...bobs[0]!, id: "b", from: guest.meeting.self!.id });
  play.liar.inject({ ...bobs[0]!, id: "c", from: "nobody" });
  await eventually(() => codes(alice).length >= 2);
  assert.ok(codes(alice).every((code) => code === "room_message_refused"));
  assert.deepEqual([alice.texts(), guest.texts()], [[], ["two"]]);
  assert.deepEqual(new Set(codes(bob)), new Set(["room_message_refused"]));
  // None of it moved anything: what is truly said is heard.
  await guest.say("still here");
  await Promise.all([alice.heard(1), bob.heard(2)]);
});

Deno.test("what was said to one member is refused by whoever else it is brought to", async () => {
  await using play = await stage();
  await using company = await three(play);
  const { alice, bob, guest } = company;
  const held = holding(play, alice.meeting.self!.id);
  await alice.say("for bob", bob.meeting.self!.id);
  await eventually(() => held.length === 1);
  play.liar.frameLie = null;
  play.liar.inject(held[0]!);
  await bob.heard(1);
  await guest.next("refused");
  assert.deepEqual([bob.messages[0]!.isForMe, guest.texts()], [true, []]);
});

Deno.test("a member that the service invents, or hides, says nothing that is taken", async () => {
  await using play = await stage();
  await using company = await three(play);
  const { alice, bob } = company;
  const view = bob.meeting.members().find(({ account }) => account === "alice")!;
  const lie = { mid: "ghost", account: "carol", device: 1, guest: null, role: "host", away: false };
  play.liar.inject({
    t: "presence",
    seq: 0,
    room: alice.meeting.id,
    rseq: 4,
    event: "join",
    member: { ...lie, meta: null },
  });
  await bob.next("join");
  const held = holding(play, view.id);
  await alice.say("one");
  await eventually(() => held.length === 2);
  play.liar.frameLie = null;
  play.liar.inject({ ...held[0]!, from: "ghost" });
  assert.equal((await bob.next("refused")).member?.account, "carol");
  play.liar.inject({ ...held[0]!, id: "other", from: "hidden" });
  assert.equal((await bob.next("refused")).member, null);
  assert.deepEqual(bob.texts(), []);
});

Deno.test("a knock is by whoever knocks: the service makes up none", async () => {
  await using play = await stage();
  const alice = attend(await play.alice.createRoom());
  const link = await alice.meeting.invite({ role: "knocker", uses: 2 });
  const guest = await joinAsGuest({ link });
  const knocks: Frame[] = [];
  play.liar.frameLie = (direction, frame) => {
    if (direction === "up" || frame.t !== "knocking") return [frame];
    knocks.push(frame);
    const { member } = frame as unknown as { member: object };
    return [
      { ...frame, member: { ...member, mid: "x", account: "bob", device: 1, guest: null } },
      { ...frame, member: { ...member, mid: "y", guest: `~${"A".repeat(43)}` } },
      { ...frame, ct: "AAAA" },
      frame,
      frame,
    ];
  };
  await guest.knock(utf8("me"));
  const { payload } = await alice.next("knock");
  assert.equal(fromUtf8(payload), "me");
  await eventually(() => codes(alice).length === 4);
  assert.deepEqual(alice.kinds().filter((kind) => kind === "knock").length, 1);
  await guest.leave();
});

Deno.test("who lost a place and comes in again is told again who knocks, and that is no lie", async () => {
  await using play = await stage();
  const alice = attend(await play.alice.createRoom());
  const link = await alice.meeting.invite({ role: "knocker", uses: 2 });
  const guest = await joinAsGuest({ link });
  await guest.knock(utf8("me"));
  await alice.next("knock");
  play.liar.frameLie = (_direction, frame) => {
    const { resume: _, ...anew } = frame;
    return [frame.t === "auth" ? anew as Frame : frame];
  };
  play.liar.cut();
  const { payload, member } = await alice.next("knock");
  assert.equal(fromUtf8(payload), "me");
  assert.deepEqual(codes(alice), []);
  await alice.meeting.admit(member.id);
  await alice.next("join");
  await guest.leave();
});

Deno.test("a service that leaves out a numbered frame is asked for it again", async () => {
  await using play = await stage();
  await using company = await three(play);
  const { alice, bob } = company;
  play.liar.keepsNumbers = true;
  const refusal = play.nextRefusal("bob");
  // The first time that each of them is brought the first message.
  const dropped = new Set<unknown>();
  play.liar.frameLie = (direction, frame) => {
    if (direction === "up" || frame.t !== "signal" || dropped.size > 1) return [frame];
    dropped.add(dropped.size);
    return [];
  };
  await alice.say("one");
  await alice.say("two");
  await bob.heard(2);
  assert.deepEqual(bob.texts(), ["one", "two"]);
  assert.deepEqual(bob.kinds().filter((kind) => kind === "missing"), []);
  assert.equal((await refusal).code, "bad_answer");
});

Deno.test("a change of the room that was left out is asked for, and told", async () => {
  await using play = await stage();
  await using company = await three(play);
  const { alice, bob } = company;
  await bob.next("join");
  play.liar.frameLie = (direction, frame) =>
    direction === "down" && frame.t === "presence" && frame["event"] === "join" ? [] : [frame];
  const link = await alice.meeting.invite();
  const carol = await play.carol.joinRoom(link);
  play.liar.frameLie = null;
  await carol.setMeta(utf8("here"));
  const { member } = await bob.next("join");
  assert.equal(member.account, "carol");
});

Deno.test("where the service has lost a place it is taken again, and the application is told", async () => {
  await using play = await stage();
  await using company = await three(play);
  const { alice, bob } = company;
  const before = bob.meeting.self!.id;
  // What Bob was is forgotten.
  play.liar.frameLie = (_direction, frame) => {
    if (frame.t !== "auth") return [frame];
    const claims = fromUtf8(fromBase64Url(String(frame["token"]).split(".")[1]!)!)!;
    if (!claims.includes("bob")) return [frame];
    const { resume: _, ...anew } = frame;
    return [anew as Frame];
  };
  play.liar.cut();
  const said = bob.say("as if nothing had happened");
  await bob.next("missing");
  await said;
  await alice.heard(1);
  assert.deepEqual(alice.texts(), ["as if nothing had happened"]);
  assert.notEqual(bob.meeting.self!.id, before);
  assert.equal(bob.meeting.state, "inside");
  await alice.say("nor to me");
  await bob.heard(1);
});

Deno.test("an instance that stops is left in time, and nothing is lost on the way", async () => {
  await using play = await stage();
  await using company = await three(play);
  const { alice, bob } = company;
  const online: boolean[] = [];
  play.bob.onOnline = (is) => online.push(is);
  play.liar.inject({ t: "drain", after_ms: 200, jitter_ms: 100 });
  for (let i = 0; i < 20; i++) {
    await alice.say(`${i}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await bob.heard(20);
  assert.deepEqual(bob.texts(), Array.from({ length: 20 }, (_, i) => `${i}`));
  await eventually(() => online.length === 2);
  assert.deepEqual(online, [false, true]);
});
