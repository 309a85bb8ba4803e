/**
 * Ranges of leaves: where the Merkle tree of RFC 6962 splits, and which complete subtrees make up a
 * range. Arithmetic only; `tree.ts` does the hashing.
 *
 *     split(n) = the largest power of two below n
 *     [lo, hi) = [lo, lo + split(hi - lo)) and [lo + split(hi - lo), hi)
 *
 * Numbers are below 2^53 and are only ever multiplied and divided: a shift would cut them to 32
 * bits (`2 ** 31 >> 1` is negative).
 *
 * @module
 */

/** The complete subtree number `index` of 2^`level` leaves: `D[index * 2^level : ... + 2^level]`. */
export type HashRef = { readonly level: number; readonly index: number };

/** The leaves `[lo, hi)`; `lo` is a multiple of the smallest power of two that is >= `hi - lo`. */
export interface Range {
  /** The first leaf. */
  readonly lo: number;
  /** The leaf after the last. */
  readonly hi: number;
}

/** The other half beside the way from the root to a place. */
export interface Sibling extends Range {
  /** The sibling is the left half, so its parent is node(sibling, way). */
  readonly isLeft: boolean;
}

/** The siblings beside the way to the leaf, from the leaf upwards. */
export function inclusionPath(index: number, size: number): Sibling[] {
  return descend({ lo: 0, hi: size }, ({ lo, hi }) => hi - lo === 1, (mid) => index < mid).siblings;
}

/** The way to the old tree's last complete subtree, where a consistency proof starts. */
export interface ConsistencyPath {
  /** The old tree's last complete subtree, which both trees have; all of it where they are one. */
  readonly start: Range;
  /** The start is the whole old tree, so its hash is the old root and is left out of the proof. */
  readonly startsAtRoot: boolean;
  /** The siblings beside the way, from the start upwards. */
  readonly siblings: readonly Sibling[];
}

/** SUBPROOF of RFC 6962, section 2.1.2, whose flag `b` says that the way never went right. */
export function consistencyPath(from: number, to: number): ConsistencyPath {
  if (from === 0) return { start: { lo: 0, hi: 0 }, startsAtRoot: true, siblings: [] };
  const { end, siblings } = descend(
    { lo: 0, hi: to },
    ({ hi }) => hi === from,
    (mid) => from <= mid,
  );
  return { start: end, startsAtRoot: end.lo === 0, siblings };
}

/** The ranges whose hashes are a consistency proof, in its order. */
export function consistencyRanges(path: ConsistencyPath): Range[] {
  return path.startsAtRoot ? [...path.siblings] : [path.start, ...path.siblings];
}

/** Walks down from a range, noting the halves it does not take, the last one first. */
function descend(
  from: Range,
  arrived: (range: Range) => boolean,
  goesLeft: (mid: number) => boolean,
): { end: Range; siblings: Sibling[] } {
  let { lo, hi } = from;
  const siblings: Sibling[] = [];
  while (!arrived({ lo, hi })) {
    const mid = lo + splitPoint(hi - lo);
    if (goesLeft(mid)) {
      siblings.push({ lo: mid, hi, isLeft: false });
      hi = mid;
    } else {
      siblings.push({ lo, hi: mid, isLeft: true });
      lo = mid;
    }
  }
  return { end: { lo, hi }, siblings: siblings.reverse() };
}

/** The complete subtrees that make up a range, left to right, so falling in size. */
export function completeSubtrees({ lo, hi }: Range): HashRef[] {
  const refs: HashRef[] = [];
  let at = lo;
  while (at < hi) {
    let level = 0;
    let width = 1;
    while (width * 2 <= hi - at) {
      width *= 2;
      level++;
    }
    refs.push({ level, index: at / width });
    at += width;
  }
  return refs;
}

/** The largest power of two below `n`, for `n` >= 2. */
export function splitPoint(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

// --- sizes -------------------------------------------------------------------------------------

/** Whether a number can be a tree size or a leaf index. */
export function isSize(n: number): boolean {
  return Number.isSafeInteger(n) && n >= 0;
}

/** A size of our own making. @throws Error where it is a bug */
export function requireSize(size: number): void {
  if (!isSize(size)) throw new Error("bug: a tree size is an integer below 2^53");
}

/** An index of our own making. @throws Error where it is a bug */
export function requireIndex(index: number, size: number): void {
  requireSize(size);
  if (!isSize(index) || index >= size) throw new Error("bug: a leaf outside its tree");
}

/** Two sizes of our own making. @throws Error where it is a bug */
export function requireGrowth(from: number, to: number): void {
  requireSize(from);
  requireSize(to);
  if (from > to) throw new Error("bug: consistency from a larger tree to a smaller one");
}
