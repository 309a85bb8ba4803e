import assert from "node:assert/strict";
import { RoomOrder } from "../../crypto/room_order.ts";

Deno.test("what a room shows again takes no place of what waits", () => {
  const order = new RoomOrder();
  order.begin(100);
  order.show(102, null);
  for (let n = 1; n <= 100; n++) order.show(n, null);
  assert.equal(order.next(), undefined);
  order.show(101, null);
  assert.equal(order.next(), null);
  assert.equal(order.next(), null);
  assert.equal(order.last, 102);
  assert.equal(order.isBehind, false);
});

Deno.test("of what waits behind a gap so much is kept and no more", () => {
  const order = new RoomOrder();
  order.begin(0);
  for (let n = 2; n <= 200; n++) order.show(n, null);
  order.show(1, null);
  while (order.next() === null);
  assert.equal(order.last, 1);
  assert.equal(order.isBehind, true);
});
