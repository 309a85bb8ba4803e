/**
 * A store whose commits fail on demand, with the store's own kind of error: before they land, or
 * after.
 *
 * @module
 */

/** How a commit fails: `before` nothing landed, `after` all of it did. Both look the same. */
export type Fault = "before" | "after" | null;

/** A store with faults, and the count of commits that were tried on it. */
export interface FaultyKv {
  /** To be used in place of the store. */
  readonly kv: Deno.Kv;
  /** Commits tried so far. */
  readonly commits: () => number;
}

/** Wraps a store. @param plan is asked before each commit, with its number from 1 */
export function faultyKv(kv: Deno.Kv, plan: (commit: number) => Fault): FaultyKv {
  let commits = 0;
  const wrapAtomic = (operation: Deno.AtomicOperation): Deno.AtomicOperation =>
    new Proxy(operation, {
      get(target, property) {
        if (property === "commit") {
          return async () => {
            const fault = plan(++commits);
            if (fault === "before") throw new TypeError("database is locked");
            const result = await target.commit();
            if (fault === "after") throw new TypeError("database is locked");
            return result;
          };
        }
        return chained(target, property, wrapAtomic);
      },
    });
  const proxy = new Proxy(kv, {
    get(target, property) {
      if (property === "atomic") return () => wrapAtomic(target.atomic());
      return chained(target, property, null);
    },
  });
  return { kv: proxy, commits: () => commits };
}

/** A member bound to its object, because the platform's objects refuse any other. */
function chained<T extends object>(
  target: T,
  property: string | symbol,
  wrap: ((value: T) => T) | null,
): unknown {
  const member = Reflect.get(target, property, target);
  if (typeof member !== "function") return member;
  return (...args: unknown[]) => {
    const result = member.apply(target, args);
    return wrap !== null && result === target ? wrap(target) : result;
  };
}

/** A process that dies: its store and its network, which fall silent together. */
export interface Mortal {
  /** The store as the process sees it; what it commits before it dies stays. */
  readonly kv: Deno.Kv;
  /** The network as the process sees it. */
  readonly fetch: typeof fetch;
  /** Steps taken so far: each read, each list, both sides of each commit and of each request. */
  readonly steps: () => number;
  /** Resolves when it dies. */
  readonly died: Promise<void>;
}

/**
 * A process that dies at its n-th step. From then on nothing is ever answered: promises stay open and
 * whoever waits on them waits for ever, as if the machine had stopped there.
 */
export function mortal(kv: Deno.Kv, diesAt: number): Mortal {
  let steps = 0;
  const { promise: died, resolve: die } = Promise.withResolvers<void>();
  const silence = new Promise<never>(() => {});

  async function step(): Promise<void> {
    if (++steps < diesAt) return;
    die();
    await silence;
  }

  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    await step();
    const result = await work();
    await step();
    return result;
  };
  const wrapAtomic = (operation: Deno.AtomicOperation): Deno.AtomicOperation =>
    new Proxy(operation, {
      get(target, property) {
        if (property === "commit") return () => around(() => target.commit());
        return chained(target, property, wrapAtomic);
      },
    });
  async function* list(...args: Parameters<Deno.Kv["list"]>): AsyncGenerator<unknown> {
    await step();
    yield* kv.list(...args);
  }
  const proxy = new Proxy(kv, {
    get(target, property) {
      if (property === "atomic") return () => wrapAtomic(target.atomic());
      if (property === "list") return list;
      const member = chained(target, property, null);
      if (property !== "get" && property !== "getMany") return member;
      return async (...args: unknown[]) => {
        await step();
        return await (member as (...args: unknown[]) => Promise<unknown>)(...args);
      };
    },
  });
  return {
    kv: proxy,
    fetch: (...args) => around(() => fetch(...args)),
    steps: () => steps,
    died,
  };
}

/** A store that can be stopped, as a process that is paused sees its own. */
export interface PausableKv {
  readonly kv: Deno.Kv;
  /** From here on nothing is answered, until it goes on. */
  pause(): void;
  /** Goes on, with all that waited. */
  goOn(): void;
}

/** A store that can be stopped. */
export function pausableKv(kv: Deno.Kv): PausableKv {
  let gate = Promise.resolve();
  let open: () => void = () => {};
  return {
    kv: delayed(kv, () => gate),
    pause: () => void (gate = new Promise((resolve) => open = resolve)),
    goOn: () => open(),
  };
}

/** A store that is far away: what it is asked takes a while to get there, and its answer to come back. */
export function distantKv(kv: Deno.Kv, mostMs: number): Deno.Kv {
  return delayed(kv, () => {
    return new Promise((resolve) => setTimeout(resolve, Math.random() * mostMs));
  });
}

/** A store in front of which, and behind which, something is waited for. */
function delayed(kv: Deno.Kv, pause: () => Promise<void>): Deno.Kv {
  const wait = async <T>(work: () => Promise<T>): Promise<T> => {
    await pause();
    const result = await work();
    await pause();
    return result;
  };
  const wrapAtomic = (operation: Deno.AtomicOperation): Deno.AtomicOperation =>
    new Proxy(operation, {
      get(target, property) {
        if (property === "commit") return () => wait(() => target.commit());
        return chained(target, property, wrapAtomic);
      },
    });
  async function* list(...args: Parameters<Deno.Kv["list"]>): AsyncGenerator<unknown> {
    await pause();
    const rows = await Array.fromAsync(kv.list(...args));
    await pause();
    yield* rows;
  }
  return new Proxy(kv, {
    get(target, property) {
      if (property === "atomic") return () => wrapAtomic(target.atomic());
      if (property === "list") return list;
      const member = chained(target, property, null);
      if (property !== "get" && property !== "getMany") return member;
      return (...args: unknown[]) =>
        wait(() => (member as (...args: unknown[]) => Promise<unknown>)(...args));
    },
  });
}
