/**
 * Second devices for stories: linked the way people do it, with a reader for the calls that ring there.
 *
 * @module
 */

import assert from "node:assert/strict";
import { Client } from "../../client/client.ts";
import { type ClientOptions } from "../../client/options.ts";
import { type IncomingCall } from "../../client/mod.ts";
import { memoryStore, type Store } from "../../client/store.ts";
import { eventually } from "./werift.ts";

/** A device beside the one that an account began with. */
export interface SecondDevice extends Disposable {
  readonly client: Client;
  readonly store: Store;
  /** How often it rang. */
  readonly rings: number;
  /** The next call that rings here and was not taken yet. */
  nextRing(): Promise<IncomingCall>;
}

/** Links a new device of this name with an old one, and goes online with it. */
export async function linked(
  old: Client,
  service: string,
  name: string,
  options: Partial<ClientOptions> = {},
): Promise<SecondDevice> {
  const store = memoryStore();
  const client = await Client.open({ service, store, ...options });
  const joining = await client.joinAccount({ device: name });
  const linking = await old.linkDevice(joining.code);
  assert.equal((await linking.device).digits, await joining.digits);
  joining.confirm();
  linking.confirm();
  await Promise.all([joining.done, linking.done]);
  await client.goOnline();
  return ringing(client, store);
}

/** Reads the calls that ring on a device. */
export function ringing(client: Client, store: Store): SecondDevice {
  const closing = new AbortController();
  const rung: IncomingCall[] = [];
  void (async () => {
    for await (const incoming of client.incoming(closing.signal)) rung.push(incoming);
  })();
  let taken = 0;
  return {
    client,
    store,
    get rings() {
      return rung.length;
    },
    async nextRing() {
      await eventually(() => rung.length > taken);
      return rung[taken++]!;
    },
    [Symbol.dispose]() {
      closing.abort();
      client.close();
    },
  };
}
