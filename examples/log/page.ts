/**
 * The log's page: it watches the log as it grows, checks every head, and takes lookups apart.
 *
 *     /log              with the account of this browser, where there is one
 *     /log?device=2     with that of another person in the same browser
 *     /log?name=bob     with bob in the field
 *
 * @module
 */

import { ClientError, type HeadSight, LogView } from "../../client/log_view.ts";
import { indexedDbStore } from "../../client/store_indexeddb.ts";
import { storeName } from "../demo/account.ts";
import { onSubmit, part, setShown } from "../demo/parts.ts";
import { startTheme } from "../demo/theme.ts";
import { troubleOf } from "../demo/trouble.ts";
import { renderHead, renderTree, type Watched } from "./head_view.ts";
import { renderLookup, renderWays } from "./lookup_view.ts";
import { type LookupState } from "./model.ts";

/** How often the head is asked for, in milliseconds. */
const POLL_MS = 3_000;
/** How often ages are told anew, in milliseconds. */
const TELL_MS = 1_000;

/** Watches and looks up, and renders what changes. */
class LogPage {
  readonly #log: LogView;
  #watched: Watched = { head: null, before: 0, checkedMs: 0, trouble: null };
  #lookup: LookupState = { busy: false, view: null, trouble: null };

  constructor(log: LogView) {
    this.#log = log;
    onSubmit("lookup-form", () => void this.#look(part("lookup-input", HTMLInputElement).value));
    setShown("no-account", log.label === null);
    setShown("lookup-form", log.label !== null);
    new ResizeObserver(() => this.#draw()).observe(part("log"));
    setInterval(() => this.#tell(), TELL_MS);
    this.#tell();
  }

  /** Looks at the head for as long as the page is there. */
  async watch(): Promise<void> {
    for (;;) {
      if (document.visibilityState === "visible") await this.#refresh();
      // A lie is shown until somebody reloads the page, not until the next answer is true again.
      if (this.#watched.trouble?.isLie) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  async #refresh(): Promise<void> {
    const { head: known, before } = this.#watched;
    let head: HeadSight;
    try {
      head = await this.#log.refresh();
    } catch (error) {
      this.#watched = { ...this.#watched, trouble: troubleOf(error) };
      return this.#tell();
    }
    const hasGrown = known !== null && head.size > known.size;
    this.#watched = {
      head,
      before: hasGrown ? known.size : before,
      checkedMs: Date.now(),
      trouble: null,
    };
    this.#tell();
    if (hasGrown || known === null) renderTree(this.#watched);
  }

  async #look(name: string): Promise<void> {
    if (this.#lookup.busy) return;
    this.#lookup = { busy: true, view: null, trouble: null };
    this.#tell();
    try {
      const view = await this.#log.lookup(name);
      this.#lookup = { busy: false, view, trouble: null };
    } catch (error) {
      this.#lookup = { busy: false, view: null, trouble: troubleOf(error) };
    }
    this.#tell();
    if (this.#lookup.view === null) return;
    renderWays(this.#lookup);
    const title = part("answer-title");
    title.focus({ preventScroll: true });
    title.scrollIntoView({ block: "nearest" });
  }

  #tell(): void {
    const nowMs = Date.now();
    renderHead(this.#log.origin, this.#watched, nowMs);
    renderLookup(this.#log.label, this.#lookup, nowMs);
  }

  #draw(): void {
    renderTree({ ...this.#watched, before: 0 });
    renderWays(this.#lookup);
  }
}

async function start(): Promise<void> {
  startTheme();
  const { searchParams } = new URL(location.href);
  const device = Number(searchParams.get("device") ?? 1);
  part("lookup-input", HTMLInputElement).value = searchParams.get("name") ?? "";
  for (const name of ["calls", "get-account"]) {
    if (device !== 1) part(name, HTMLAnchorElement).href = `/?device=${device}`;
  }
  try {
    const store = await indexedDbStore(storeName(device));
    const log = await LogView.open({ service: location.origin, store });
    addEventListener("pagehide", () => log.close());
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    await new LogPage(log).watch();
  } catch (error) {
    const trouble = troubleOf(error);
    renderHead("–", { head: null, before: 0, checkedMs: 0, trouble }, Date.now());
    if (!(error instanceof ClientError)) throw error;
  }
}

void start();
