import { equal } from "node:assert/strict";
import { recentIds } from "../../core/recent_ids.ts";

Deno.test("an id counts once, until it is forgotten or 256 others came", () => {
  const recent = recentIds();
  equal(recent.add("a"), true);
  equal(recent.add("a"), false);
  recent.forget("a");
  equal(recent.add("a"), true);
  for (let i = 0; i < 255; i++) equal(recent.add(`b${i}`), true);
  equal(recent.add("a"), false);
  equal(recent.add("one more"), true);
  equal(recent.add("a"), true);
});
