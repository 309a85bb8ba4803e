/**
 * What stands in an inbox: a frame for connections, or a word between instances about one connection.
 *
 * Only instances of this service write here, so what is read is what one of them wrote.
 *
 * @module
 */

import { type Bytes, fromUtf8, utf8 } from "../../crypto/bytes.ts";
import { type Delivery } from "../bus.ts";

/** A word between instances. */
export type Word =
  /** `by` has this connection's client and asks for the connection. */
  | { readonly word: "ask"; readonly cid: string; readonly by: string }
  /** It is handed over: its rooms, its row and its snapshot are yours. */
  | { readonly word: "handed"; readonly cid: string }
  /** It was taken without an answer: it is no longer yours. */
  | { readonly word: "taken"; readonly cid: string }
  /** There is no such connection here. */
  | { readonly word: "none"; readonly cid: string };

/** An item as one instance writes it for another. */
export type Item = Delivery | Word;

/** Encodes an item. */
export function encodeItem(item: Item): Bytes {
  return utf8(JSON.stringify(item));
}

/** Decodes an item. */
export function decodeItem(bytes: Bytes): Item {
  const text = fromUtf8(bytes);
  if (text === null) throw new Error("bug: an item of an inbox is not text");
  return JSON.parse(text) as Item;
}

/** Whether an item is a word between instances. */
export function isWord(item: Item): item is Word {
  return "word" in item;
}
