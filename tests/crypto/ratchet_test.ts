import assert from "node:assert/strict";
import { type Bytes, concat, toHex, utf8 } from "../../crypto/bytes.ts";
import { pad, PADDED_BYTES } from "../../crypto/padding.ts";
import { aesSeal, hmacSha256, importAesKey } from "../../crypto/primitives.ts";
import { MAX_SKIPPED, ReceiveChain, SendChain } from "../../crypto/ratchet.ts";
import { Secret } from "../../crypto/secret.ts";
import { flipped } from "../support/people.ts";

const BAD_MESSAGE = { code: "bad_message" };
const SPENT = { code: "spent" };
const TH: Bytes = new Uint8Array(32).fill(1);
const EPOCH = 1;

function chainKey(): Secret {
  return new Secret(new Uint8Array(32).fill(2));
}

function chains(): { send: SendChain; receive: ReceiveChain } {
  return {
    send: new SendChain(EPOCH, TH, chainKey()),
    receive: new ReceiveChain(EPOCH, TH, chainKey()),
  };
}

async function sealMany(send: SendChain, count: number): Promise<Bytes[]> {
  const boxes: Bytes[] = [];
  for (let i = 0; i < count; i++) boxes.push(await send.seal(utf8(`${i}`)));
  return boxes;
}

async function opens(receive: ReceiveChain, box: Bytes, n: number): Promise<void> {
  assert.equal(new TextDecoder().decode(await receive.open(box)), `${n}`);
}

Deno.test("a box is the formula: header, and AES-256-GCM under a key of its own", async () => {
  const { send } = chains();
  await send.seal(utf8("0"));
  const box = await send.seal(utf8("1"));
  const header = Uint8Array.of(0x30, 0, 0, 0, 1, 0, 0, 0, 1);
  const chain = hmacSha256(new Uint8Array(32).fill(2), Uint8Array.of(2));
  const key = await importAesKey(hmacSha256(chain, Uint8Array.of(1)));
  const sealed = await aesSeal(key, new Uint8Array(12), concat(TH, header), pad(utf8("1")));
  assert.equal(toHex(box), toHex(concat(header, sealed)));
});

Deno.test("messages open in order, out of order and after loss, each once", async () => {
  const { send, receive } = chains();
  const boxes = await sealMany(send, 8);
  for (const n of [0, 3, 1, 7, 2, 6]) {
    await opens(receive, boxes[n]!, n);
    await assert.rejects(receive.open(boxes[n]!), BAD_MESSAGE);
  }
  for (const n of [0, 1, 2, 3, 6, 7]) await assert.rejects(receive.open(boxes[n]!), BAD_MESSAGE);
  for (const n of [5, 4]) await opens(receive, boxes[n]!, n);
});

Deno.test("256 messages may be missing, 257 may not, and the refusal changes nothing", async () => {
  const { send, receive } = chains();
  const boxes = await sealMany(send, MAX_SKIPPED + 2);
  await assert.rejects(receive.open(boxes[257]!), BAD_MESSAGE);
  await opens(receive, boxes[256]!, 256);
  await opens(receive, boxes[257]!, 257);
  for (const n of [0, 128, 255]) await opens(receive, boxes[n]!, n);
});

Deno.test("of more than 256 missing messages the oldest keys are dropped", async () => {
  const { send, receive } = chains();
  const boxes = await sealMany(send, 261);
  await opens(receive, boxes[200]!, 200);
  await opens(receive, boxes[260]!, 260);
  // 200 and 59 were skipped, three too many.
  for (const n of [0, 1, 2]) await assert.rejects(receive.open(boxes[n]!), BAD_MESSAGE);
  for (const n of [3, 199, 201, 259]) await opens(receive, boxes[n]!, n);
});

Deno.test("a box with any byte changed is refused and leaves the genuine one openable", async () => {
  const { send, receive } = chains();
  const [, , box] = await sealMany(send, 3) as [Bytes, Bytes, Bytes];
  for (let i = 0; i < box.length; i++) {
    await assert.rejects(receive.open(flipped(box, 8 * i + i % 8)), BAD_MESSAGE, `byte ${i}`);
  }
  for (const length of [0, 1, 8, 9, 24, 25, box.length - 1]) {
    await assert.rejects(receive.open(box.slice(0, length)), BAD_MESSAGE, `${length} bytes`);
  }
  await assert.rejects(receive.open(concat(box, Uint8Array.of(0))), BAD_MESSAGE);
  await opens(receive, box, 2);
  // Now as a skipped key: a forgery must not use it up either.
  const [first] = await sealMany(chains().send, 1) as [Bytes];
  await assert.rejects(receive.open(flipped(first, 100)), BAD_MESSAGE);
  await opens(receive, first, 0);
});

Deno.test("a box of another epoch, another transcript or another chain is refused", async () => {
  const others = [
    new SendChain(2, TH, chainKey()),
    new SendChain(0, TH, chainKey()),
    new SendChain(EPOCH, new Uint8Array(32), chainKey()),
    new SendChain(EPOCH, TH, new Secret(new Uint8Array(32).fill(3))),
  ];
  const { send, receive } = chains();
  for (const other of others) {
    await assert.rejects(receive.open(await other.seal(utf8("0"))), BAD_MESSAGE);
  }
  await opens(receive, await send.seal(utf8("0")), 0);
});

Deno.test("messages sealed and opened at once keep their numbers, and a duplicate opens once", async () => {
  const { send, receive } = chains();
  const boxes = await Promise.all(Array.from({ length: 20 }, (_, i) => send.seal(utf8(`${i}`))));
  const twice = [...boxes, ...boxes].reverse();
  const results = await Promise.allSettled(twice.map((box) => receive.open(box)));
  const opened = results.filter(({ status }) => status === "fulfilled");
  assert.equal(opened.length, 20);
  const texts = opened.map((result) => {
    return result.status === "fulfilled" && new TextDecoder().decode(result.value);
  });
  assert.deepEqual(new Set(texts), new Set(boxes.map((_, i) => `${i}`)));
});

Deno.test("a box's length is one of four, whatever it holds", async () => {
  const { send, receive } = chains();
  for (const length of [0, 1, 511, 512, 2_047, 2_048, 8_191, 8_192, 16_383]) {
    const payload = new Uint8Array(length).fill(3);
    const box = await send.seal(payload);
    assert.ok(PADDED_BYTES.includes(box.length - 9 - 16));
    assert.deepEqual(await receive.open(box), payload);
  }
});

Deno.test("a payload too long is refused without using up a number", async () => {
  const { send, receive } = chains();
  await assert.rejects(send.seal(new Uint8Array(16_384)), { code: "malformed" });
  await opens(receive, await send.seal(utf8("0")), 0);
});

Deno.test("an authentic box without padding is refused like any other", async () => {
  const { receive } = chains();
  const header = Uint8Array.of(0x30, 0, 0, 0, 1, 0, 0, 0, 0);
  const key = await importAesKey(hmacSha256(new Uint8Array(32).fill(2), Uint8Array.of(1)));
  const ad = concat(TH, header);
  const bare = await aesSeal(key, new Uint8Array(12), ad, new Uint8Array(512));
  await assert.rejects(receive.open(concat(header, bare)), BAD_MESSAGE);
});

Deno.test("a wiped chain seals and opens nothing, nor the box that it was opening", async () => {
  const { send, receive } = chains();
  const [first, second, third] = await sealMany(send, 3) as [Bytes, Bytes, Bytes];
  await opens(receive, second, 1);
  send.wipe();
  await assert.rejects(send.seal(utf8("late")), SPENT);
  // The first is opened under a skipped key, the third under the chain; both are on their way.
  const late = [receive.open(first), receive.open(third)];
  await Promise.resolve();
  receive.wipe();
  for (const result of await Promise.allSettled(late)) assert.equal(result.status, "rejected");
  await assert.rejects(receive.open(third), SPENT);
});

Deno.test("a chain that is wiped while it opens a box does not come back to life", async () => {
  const { send, receive } = chains();
  const [first, second] = await sealMany(send, 2) as [Bytes, Bytes];
  const late = receive.open(first);
  // Until the key is imported and the tag is being checked.
  await Promise.resolve();
  receive.wipe();
  await assert.rejects(late, SPENT);
  await assert.rejects(receive.open(second), SPENT);
});
