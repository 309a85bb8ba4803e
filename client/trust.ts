/**
 * What a client believes of one service: which log it is, which heads of it were seen (`heads.ts`), and
 * who the people are that it knows (`people.ts`).
 *
 * No stored state means first contact, where the log's key is taken on trust unless the application pins
 * it.
 *
 * @module
 */

import { type LogIdentity } from "../crypto/head.ts";
import { type LogPolicy } from "../crypto/policy.ts";
import { change, keep, readCell } from "./cell.ts";
import { Heads } from "./heads.ts";
import { type Http } from "./http.ts";
import { identityOf, KNOWN_LOG, meetLog, underPin } from "./known_log.ts";
import { People } from "./people.ts";
import { type Store } from "./store.ts";

/** The beliefs of one client about one service. */
export class Trust {
  /** The log. */
  readonly log: LogIdentity;
  /** The heads that were seen of it. */
  readonly heads: Heads;
  /** Whom this client knows. */
  readonly people: People;

  private constructor(store: Store, now: () => number, log: LogIdentity) {
    this.log = log;
    this.heads = new Heads(store, log);
    this.people = new People(store, now, log, this.heads);
  }

  /**
   * Takes up what was believed before, or makes first contact.
   *
   * @param pinned what the application ships, or null
   * @throws ClientError `log_changed`, `proof_invalid`, `quorum_missing`, `bad_answer`, `network`,
   * `unavailable`
   */
  static async open(
    http: Http,
    store: Store,
    now: () => number,
    pinned: LogPolicy | null,
  ): Promise<Trust> {
    const known = await readCell(store, KNOWN_LOG) ?? await meetLog(http, pinned);
    // Another tab may have met the log at the same moment: the first to store it is believed.
    const log = await change(store, [KNOWN_LOG], ([held]) => {
      const result = underPin(held ?? known, pinned);
      return { changes: keep(KNOWN_LOG, result), result };
    });
    return new Trust(store, now, identityOf(log));
  }

  /** The log's origin. */
  get origin(): string {
    return this.log.origin;
  }
}
