/**
 * What others wrote, as a terminal may be given it: a name of a device, a reason, a key's name. A
 * terminal obeys control characters, which could write over what stands above or turn it around.
 *
 * @module
 */

/**
 * The text with its control characters written out (`\x1b`, `\u202e`): those of C0 and C1, line ends
 * among them, and what turns or hides the text beside it.
 */
export function shown(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (one) => {
      const code = one.codePointAt(0)!.toString(16);
      if (code.length > 4) return `\\u{${code}}`;
      return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
    },
  );
}
