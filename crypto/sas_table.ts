/**
 * The 64 pictures of a short code, with their names: distinct in shape and colour, also in another font.
 *
 *     pictures = the first 24 bits of the code, six bits each, most significant first
 *     digits   = u64 of the other 8 bytes, mod 10^6, as six digits
 *
 * The table is that of the Matrix specification (client-server API, "SAS method: emoji"), whose names have
 * been translated into many languages. The order is part of the protocol.
 *
 * @module
 */

import { type Bytes } from "./bytes.ts";

/** Pictures with their names, each at its number. */
const TABLE = "🐶Dog 🐱Cat 🦁Lion 🐎Horse 🦄Unicorn 🐷Pig 🐘Elephant 🐰Rabbit 🐼Panda 🐓Rooster " +
  "🐧Penguin 🐢Turtle 🐟Fish 🐙Octopus 🦋Butterfly 🌷Flower 🌳Tree 🌵Cactus 🍄Mushroom 🌏Globe " +
  "🌙Moon ☁️Cloud 🔥Fire 🍌Banana 🍎Apple 🍓Strawberry 🌽Corn 🍕Pizza 🎂Cake ❤️Heart 😀Smiley " +
  "🤖Robot 🎩Hat 👓Glasses 🔧Spanner 🎅Santa 👍Thumbs_Up ☂️Umbrella ⌛Hourglass ⏰Clock 🎁Gift " +
  "💡Light_Bulb 📕Book ✏️Pencil 📎Paperclip ✂️Scissors 🔒Lock 🔑Key 🔨Hammer ☎️Telephone 🏁Flag " +
  "🚂Train 🚲Bicycle ✈️Aeroplane 🚀Rocket 🏆Trophy ⚽Ball 🎸Guitar 🎺Trumpet 🔔Bell ⚓Anchor " +
  "🎧Headphones 📁Folder 📌Pin";

/** A code in the forms in which people compare it: any one of them is enough. */
export interface ShortCode {
  /** Four pictures. */
  readonly emoji: readonly string[];
  /** Their names in English, in the same order: to be read out, or by a screen reader. */
  readonly names: readonly string[];
  /** Six digits, which differ from the pictures' bits. */
  readonly digits: string;
}

/** Every picture with its name, each at its number. */
export const SAS_TABLE: readonly { readonly emoji: string; readonly name: string }[] = TABLE
  .split(" ").map((entry) => {
    const at = entry.search(/[A-Z]/);
    return { emoji: entry.slice(0, at), name: entry.slice(at).replace("_", " ") };
  });

/** The forms of a code. @param code 11 bytes */
export function shortCode(code: Bytes): ShortCode {
  const bits = code[0]! << 16 | code[1]! << 8 | code[2]!;
  const entries = [18, 12, 6, 0].map((shift) => SAS_TABLE[bits >>> shift & 63]!);
  let rest = 0;
  // 64 bits modulo a million: the bias is below 2^-44.
  for (const byte of code.subarray(3)) rest = (rest * 256 + byte) % 1_000_000;
  return {
    emoji: entries.map(({ emoji }) => emoji),
    names: entries.map(({ name }) => name),
    digits: String(rest).padStart(6, "0"),
  };
}
