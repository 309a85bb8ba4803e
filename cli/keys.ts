/**
 * `countersign keys`: makes and shows the keys of signed notes.
 *
 * The secret half goes to a file that only its owner reads, and is never printed.
 *
 * @module
 */

import { CryptoError } from "../crypto/error.ts";
import { formatVerifierKey, NOTE_KEY_TYPE } from "../crypto/note_key.ts";
import { type Command, CommandError, readOptions, UsageError } from "./command.ts";
import { readKey, writeNewKey } from "./key_file.ts";

const TYPES: Readonly<Record<string, number>> = {
  ed25519: NOTE_KEY_TYPE.ed25519,
  cosignature: NOTE_KEY_TYPE.ed25519Cosignature,
  mldsa: NOTE_KEY_TYPE.mlDsa44,
};

const USAGE = `countersign keys new <name> [--type <type>] [--file <path>]
countersign keys show <path>...

Makes a key of signed notes, or shows the public half of keys that are there: the line that a
policy or a witness is configured with.

  <name>           the key's name: a URL without scheme, such as witness.example/w1
  --type <type>    cosignature  Ed25519 for witnesses and auditors (the default)
                   mldsa        ML-DSA-44 for witnesses and auditors
                   ed25519      Ed25519 for the texts of a log
  --file <path>    where the secret half goes, ./<last part of the name>.<type>.key by default;
                   nothing is ever written over`;

/** Makes and shows keys. */
export const keysCommand: Command = {
  summary: "make and show the keys of witnesses and auditors",
  usage: USAGE,
  async run(args) {
    const { values, positionals } = readOptions(args, { type: "text", file: "text" }, [0, 64]);
    const { type = "cosignature", file } = values;
    const [verb, ...words] = positionals;
    if (verb === "new" && words.length === 1) return await makeKey(words[0]!, type, file);
    if (verb === "show" && words.length > 0) {
      for (const path of words) console.log(formatVerifierKey((await readKey(path)).key));
      return 0;
    }
    throw new UsageError("Say what to do: new or show");
  },
};

async function makeKey(
  name: string,
  typeName: string,
  file: string | undefined,
): Promise<number> {
  const type = Object.hasOwn(TYPES, typeName) ? TYPES[typeName] : undefined;
  if (type === undefined) throw new UsageError(`There is no type "${typeName}"`);
  const path = file ?? `./${name.slice(name.lastIndexOf("/") + 1)}.${typeName}.key`;
  try {
    const key = await writeNewKey(path, name, type);
    console.error(`The secret key is in ${path}`);
    console.log(formatVerifierKey(key));
    return 0;
  } catch (error) {
    if (!(error instanceof CryptoError)) throw error;
    throw new CommandError(
      "A key's name is a text without spaces and without +, of 255 bytes at most",
    );
  }
}
