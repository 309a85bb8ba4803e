/**
 * What one connection does, one after the other.
 *
 * Where nothing is under way the next thing is done at once, before anything else can happen: so that
 * in a single process a message is on its way when its frame has been read, and messages never overtake
 * each other.
 *
 * @module
 */

import { type Connection } from "./connection.ts";
import { ServiceError } from "./error.ts";
import { type Downlink } from "./downlink.ts";

/** Nothing to wait for, or its end. */
export type Done = Promise<void> | void;

/** Does something after what the connection does already. */
export function inTurn(connection: Pick<Connection, "tail">, work: () => Done): Done {
  const { tail } = connection;
  const done = tail === null ? work() : tail.then(work);
  if (!(done instanceof Promise)) return;
  const next: Promise<void> = done.catch(() => {}).then(() => {
    if (connection.tail === next) connection.tail = null;
  });
  connection.tail = next;
  return done;
}

/** Does something that may be refused. After a fault the frame may be tried again, as after a refusal. */
export async function attempt(
  downlink: Downlink,
  from: Connection,
  id: string,
  work: () => Done | Promise<Done>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    from.recent.forget(id);
    if (!(error instanceof ServiceError)) throw error;
    downlink.refuse(from, { id, code: error.code, title: error.message });
  }
}
