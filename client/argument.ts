/**
 * What an application hands over, looked at before it is used: who writes no types, forgot an `await`, or
 * uses something twice is told which of them it is.
 *
 * @module
 */

import { type MediaAdapter } from "./adapter.ts";
import { ClientError } from "./error.ts";
import { type Store } from "./store.ts";

const spent = new WeakSet<MediaAdapter>();

/** @throws ClientError `bad_option` where it is no store */
export function checkStore(store: Store): void {
  expect(typeof store?.update === "function", "A client needs a store, awaited where it is opened");
}

/** Takes an adapter for a call. @throws ClientError `bad_option` where it is none, or had a call already */
export function takeAdapter(adapter: MediaAdapter): void {
  expect(typeof adapter?.createOffer === "function", "A call needs a media adapter");
  // It is left as it is: the call that it has goes on.
  expect(!spent.has(adapter), "An adapter is for one call: make another one");
  spent.add(adapter);
}

/** @throws ClientError `bad_option` */
export function expect(isMet: boolean, what: string): void {
  if (!isMet) throw new ClientError("bad_option", what);
}
