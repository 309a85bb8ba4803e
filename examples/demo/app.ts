/**
 * The demo of Countersign: a page for calls, made of the client library as anybody would use it.
 *
 *     /?call=bob      with bob in the field, ready to call
 *     /?device=2      another person in the same browser, with keys of its own
 *     /#test          sends the test picture instead of the camera
 *
 * @module
 */

import { type Client } from "../../client/mod.ts";
import { enter, missing, openClient, register, storeName } from "./account.ts";
import { renderCall } from "./call_view.ts";
import {
  renderIncoming,
  renderMediaProblem,
  renderMissed,
  renderNotices,
  renderPresence,
  renderScreen,
  renderStartOver,
} from "./frame_view.ts";
import { renderHome } from "./home_view.ts";
import { createModel, type Model, type Source, type State } from "./model.ts";
import { onPress, onSubmit, part, setText } from "./parts.ts";
import { createPhone, type Phone } from "./phone.ts";
import { createRinger, type Ringer } from "./ringer.ts";
import { saveEvidence, startOver } from "./start_over.ts";
import { serveTabs } from "./tabs.ts";
import { startTheme } from "./theme.ts";
import { plain, troubleOf } from "./trouble.ts";

/** Renders everything; each view looks at what it shows and leaves the rest alone. */
function renderer(ringer: Ringer, dismiss: (id: number) => void): (state: State) => void {
  return (state) => {
    renderPresence(state);
    renderHome(state);
    renderCall(state);
    renderMissed(state);
    renderNotices(state, ({ id }) => dismiss(id));
    renderScreen(state);
    renderIncoming(state);
    renderMediaProblem(state);
    renderStartOver(state);
    const { screen } = state;
    const goesOut = screen.at === "call" && screen.call.progress === "ringing";
    ringer.ring(state.incoming !== null ? "incoming" : goesOut ? "outgoing" : null);
  };
}

function startModel(source: Source): Model {
  const model = createModel(
    source,
    renderer(createRinger(), (id) => {
      model.set({ notices: model.get().notices.filter((notice) => notice.id !== id) });
    }),
  );
  onPress("dismiss-missed", () => model.set({ missed: [] }));
  return model;
}

/** What helps where nothing else goes on. */
function serveRescue(device: number, client: Client | null, model: Model): void {
  const dialog = part("start-over-dialog");
  onPress("start-over", () => model.set({ startOver: "asked" }));
  onPress("start-over-sure", () => void startOver(storeName(device), client, model));
  onPress("start-over-cancel", () => model.set({ startOver: null }));
  dialog.addEventListener("cancel", (event) => {
    if (model.get().startOver === "asked") model.set({ startOver: null });
    else event.preventDefault();
  });
  onPress("save-evidence", () => {
    const { screen } = model.get();
    if (screen.at === "broken" && screen.evidence !== null) saveEvidence(screen.evidence);
  });
}

function serveAccount(client: Client, model: Model): void {
  onSubmit("register-form", () => {
    void register(client, model, part("name-input", HTMLInputElement).value);
  });
  onPress("copy", () => {
    const invite = part("invite");
    const said = (text: string) => setText("copy", text);
    navigator.clipboard.writeText(invite.textContent).then(() => said("Copied"), () => {
      // Selected, so that the keyboard can copy it.
      getSelection()?.selectAllChildren(invite);
    });
  });
  for (const source of ["camera", "test"] as const) {
    part(`source-${source}`).addEventListener("change", () => model.set({ source }));
  }
}

function servePhone(phone: Phone, model: Model): void {
  onSubmit("call-form", () => phone.place(part("call-input", HTMLInputElement).value));
  onPress("accept", () => phone.accept());
  onPress("decline", () => phone.decline());
  // Escape neither takes a call nor turns one down; pressed twice it closes what it was kept from
  // closing, so that what still rings is shown again.
  part("incoming").addEventListener("cancel", (event) => event.preventDefault());
  part("incoming").addEventListener("close", () => model.set({}));
  onPress("hang-up", () => phone.hangUp());
  onPress("mute", () => phone.toggleSound());
  onPress("camera", () => phone.togglePicture());
  onPress("use-test", () => phone.decideMedia(true));
  onPress("cancel-media", () => phone.decideMedia(false));
  part("media-problem").addEventListener("cancel", () => phone.decideMedia(false));
  onPress("done", () => model.goHome(null));
  onPress("again", () => {
    const { screen } = model.get();
    if (screen.at === "ended") phone.place(screen.end.label);
  });
}

async function start(): Promise<void> {
  startTheme();
  onPress("reload", () => location.reload());
  const here = new URL(location.href);
  const model = startModel(here.hash === "#test" ? "test" : "camera");
  const reason = missing();
  if (reason !== null) {
    const trouble = plain("Not possible here", reason);
    return model.set({ screen: { at: "broken", trouble, evidence: null } });
  }
  const device = Number(here.searchParams.get("device") ?? 1);
  const callee = (here.searchParams.get("call") ?? "").trim();
  let client: Client | null = null;
  try {
    client = await openClient(device, model);
    serveRescue(device, client, model);
    const phone = createPhone(client, model);
    servePhone(phone, model);
    serveAccount(client, model);
    const handOver = serveTabs(device, model);
    part("call-input", HTMLInputElement).value = callee;
    serveDeparture(client, phone);
    if (client.label === null) {
      return model.set({ screen: { at: "welcome", busy: false, trouble: null } });
    }
    await enter(client, model, callee);
    if (model.get().presence === "elsewhere" && callee !== "") handOver(callee);
  } catch (error) {
    if (client === null) serveRescue(device, null, model);
    model.set({ screen: { at: "broken", trouble: troubleOf(error), evidence: null } });
  }
}

/**
 * Hangs up when the page goes away, so that nobody is left with a frozen picture: already where the
 * browser announces the end, because `pagehide` leaves hardly a moment to send anything.
 */
function serveDeparture(client: Client, phone: Phone): void {
  addEventListener("beforeunload", () => void phone.leave());
  addEventListener("pagehide", () => void phone.leave().finally(() => client.close()));
  // A page that comes back out of the browser's cache has a client that was closed.
  addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
}

void start();
