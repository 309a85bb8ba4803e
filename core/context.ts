/**
 * The world, as an argument: what every rule of the service is given.
 *
 * @module
 */

import { type ServiceKeys } from "./service_keys.ts";
import { type Sequencer } from "./sequencer.ts";

/** What the rules of the service work with. */
export interface Context {
  /** The store. */
  readonly kv: Deno.Kv;
  /** The log's origin, `<host>/kt/<generation>`. */
  readonly origin: string;
  /** The service's keys. */
  readonly keys: ServiceKeys;
  /** The clock, Unix milliseconds. */
  readonly now: () => number;
  /** Puts accepted records into the log. */
  readonly sequencer: Sequencer;
}
