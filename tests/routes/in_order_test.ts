import { deepEqual, equal } from "node:assert/strict";
import { inOrder } from "../../routes/in_order.ts";

Deno.test("what needs no waiting is done at once", () => {
  const done: number[] = [];
  const put = inOrder<number>((one) => {
    done.push(one);
    return null;
  }, () => {});
  put(1);
  put(2);
  deepEqual(done, [1, 2]);
});

Deno.test("nothing overtakes what has to be waited for, and what comes after is done at once again", async () => {
  const done: string[] = [];
  const open = Promise.withResolvers<void>();
  const put = inOrder<string>((one) => {
    done.push(one);
    return one === "slow" ? open.promise : null;
  }, () => {});
  put("slow");
  put("second");
  put("third");
  await settled();
  deepEqual(done, ["slow"]);
  open.resolve();
  await settled();
  deepEqual(done, ["slow", "second", "third"]);
  put("last");
  equal(done.at(-1), "last");
});

Deno.test("a failure is told once, and stops nothing that comes after", async () => {
  const [done, failures]: [string[], unknown[]] = [[], []];
  const put = inOrder<string>((one) => {
    if (one === "throws") throw new Error(one);
    done.push(one);
    return one === "rejects" ? Promise.reject(new Error(one)) : null;
  }, (error) => failures.push(error));
  put("throws");
  put("rejects");
  put("throws");
  put("good");
  await settled();
  deepEqual(failures.map((error) => (error as Error).message), ["throws", "rejects", "throws"]);
  deepEqual(done, ["rejects", "good"]);
});

/** After everything that was ready to go on has gone on. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}
