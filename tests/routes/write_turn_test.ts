import { deepEqual, equal } from "node:assert/strict";
import { type Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { writeTurns } from "../../routes/write_turn.ts";

/** A stream that tells what it was given at once. */
function recorder(): { readonly stream: Duplex; readonly calls: string[][] } {
  const calls: string[][] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      calls.push([chunk.toString()]);
      done();
    },
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => (chunk as Buffer).toString()));
      done();
    },
  });
  return { stream, calls };
}

/** The turn in which nothing is held any more. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("what is written to a stream in one turn goes out together, at the end of the turn", async () => {
  const hold = writeTurns();
  const [one, other] = [recorder(), recorder()];
  const write = ({ stream }: typeof one, text: string) => {
    hold(stream);
    stream.write(text);
  };
  write(one, "a");
  write(other, "b");
  await Promise.resolve();
  write(one, "c");
  deepEqual([one.calls, other.calls], [[], []]);
  await turn();
  deepEqual([one.calls, other.calls], [[["a", "c"]], [["b"]]]);
  write(one, "d");
  await turn();
  deepEqual(one.calls, [["a", "c"], ["d"]]);
});

Deno.test("no more than 64 KiB of a stream is held, and its end or its death holds nothing up", async () => {
  const hold = writeTurns();
  const { stream, calls } = recorder();
  for (let i = 0; i < 5; i++) {
    hold(stream);
    stream.write("x".repeat(20_000));
  }
  equal(calls.flat().length, 4);
  stream.end("end");
  equal(calls.flat().at(-1), "end");
  const { stream: dead } = recorder();
  hold(dead);
  dead.write("never read");
  dead.destroy();
  await turn();
  equal(dead.destroyed, true);
});
