/**
 * The account that a client has, or may come to have: what the parts of the SDK work with, and the one
 * place where it is replaced when it was changed.
 *
 * @module
 */

import { type Account, loadAccount, NEXT, refreshAccount, type Registry } from "./account.ts";
import { readCell } from "./cell.ts";
import type { Connection } from "./connection.ts";
import { ClientError } from "./error.ts";
import { Gossip } from "./gossip.ts";
import { Ongoing } from "./ongoing.ts";
import { type World } from "./world.ts";

/** What the account is used beside. */
export interface Surroundings {
  /** The connection to the service, or null where nobody is online. */
  readonly connection: () => Connection | null;
  /** Told of every message that was refused. */
  readonly refused: (error: ClientError) => void;
}

/** The account of one client. */
export class OwnAccount {
  readonly #registry: Registry;
  readonly #beside: Surroundings;
  readonly #gossip: Gossip;
  readonly #ongoing: Ongoing;
  #account: Account | null;
  #isClosed = false;

  /** @param account null before one was registered */
  constructor(registry: Registry, account: Account | null, beside: Surroundings) {
    this.#registry = registry;
    this.#beside = beside;
    this.#gossip = new Gossip(registry.http, registry.trust);
    this.#ongoing = new Ongoing(registry.now);
    this.#account = account;
  }

  /** Its label, or null before one was registered. */
  get label(): string | null {
    return this.#account?.label ?? null;
  }

  /** What a client without an account works with. @throws ClientError `closed` */
  registry(): Registry {
    if (this.#isClosed) throw new ClientError("closed", "The client was closed");
    return this.#registry;
  }

  /** The same, for a device that is to get an account. @throws ClientError `closed`, `refused` */
  vacant(): Registry {
    const registry = this.registry();
    if (this.#account === null) return registry;
    throw new ClientError("refused", "This device already has an account");
  }

  /** What a signed-in client works with. @throws ClientError `closed`, `not_registered` */
  world(): World {
    const { http, store, trust, now } = this.registry();
    const { connection, refused } = this.#beside;
    const account = () => this.#required();
    account();
    return {
      get account() {
        return account();
      },
      refresh: async () => this.#account = await this.#refreshed(account()),
      http,
      store,
      trust,
      gossip: this.#gossip,
      ongoing: this.#ongoing,
      now,
      connection: () => {
        const held = connection();
        if (held === null) throw new ClientError("not_online", "Go online first");
        return held;
      },
      refused,
    };
  }

  /** Has the account made or taken over. @throws ClientError */
  async claim(work: (registry: Registry) => Promise<Account>): Promise<void> {
    const registry = this.registry();
    try {
      this.#account = await work(registry);
    } catch (error) {
      // What was refused may be a second account, beside one that another tab or attempt made.
      this.#account ??= await loadAccount(registry.store, registry.trust.origin);
      throw error;
    }
  }

  /** Has the account changed. @throws ClientError */
  async change(work: (world: World) => Promise<Account>): Promise<void> {
    this.#account = await work(this.world());
  }

  /**
   * Asks the service for something as this device; where it does not know it, the log is asked whether
   * it was removed.
   *
   * @throws ClientError
   */
  async ask<T>(work: (world: World) => Promise<T>): Promise<T> {
    const world = this.world();
    try {
      return await work(world);
    } catch (error) {
      if (error instanceof ClientError && error.problem === "unknown_device") await world.refresh();
      throw error;
    }
  }

  /** Takes the account as it is now; null where it has ended. */
  replace(account: Account | null): void {
    this.#account = account;
  }

  /** Nothing is done with it any more. */
  close(): void {
    this.#isClosed = true;
  }

  #required(): Account {
    if (this.#account !== null) return this.#account;
    throw new ClientError("not_registered", "Register a name first");
  }

  async #refreshed(account: Account): Promise<Account> {
    const registry = this.#registry;
    if (await readCell(registry.store, NEXT) === null) {
      return await refreshAccount(registry, account);
    }
    const { finishRotation } = await import("./devices.ts");
    return await refreshAccount(registry, await finishRotation(registry) ?? account);
  }
}
