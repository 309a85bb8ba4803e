/**
 * The base binary ladder of draft-ietf-keytrans-protocol ("Binary Ladder"): the versions whose
 * presence and absence together show which version of a label is the greatest.
 *
 *     0, 1, 3, 7, ... to the first that is absent, then a binary search below it
 *
 * The ladder of 6 is 0, 1, 3, 7, 5, 6: present, but for 7. Versions of 2^32 and more do not exist
 * and are left out. Of a label that has no version, the ladder is 0, absent.
 *
 * @module
 */

const VERSIONS = 2 ** 32;

/** The versions to look up, in this order. @param greatest null where the label has no version */
export function ladderOf(greatest: number | null): readonly number[] {
  if (greatest === null) return [0];
  if (!Number.isInteger(greatest) || greatest < 0 || greatest >= VERSIONS) {
    throw new Error("bug: a version is an integer below 2^32");
  }
  const ladder: number[] = [];
  let present = -1;
  let absent = 0;
  while (absent <= greatest) {
    ladder.push(absent);
    present = absent;
    absent = absent * 2 + 1;
  }
  ladder.push(absent);
  while (present + 1 < absent) {
    const version = Math.floor((present + absent) / 2);
    ladder.push(version);
    if (version <= greatest) present = version;
    else absent = version;
  }
  return ladder.filter((version) => version < VERSIONS);
}
