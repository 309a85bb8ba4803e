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
import { enter, missing, openClient, register } from "./account.ts";
import { renderCall } from "./call_view.ts";
import {
  renderIncoming,
  renderMediaProblem,
  renderNotices,
  renderPresence,
  renderScreen,
} from "./frame_view.ts";
import { renderHome } from "./home_view.ts";
import { createModel, type Model, type Source, type State } from "./model.ts";
import { onPress, onSubmit, part, setText } from "./parts.ts";
import { createPhone, type Phone } from "./phone.ts";
import { createRinger, type Ringer } from "./ringer.ts";
import { startTheme } from "./theme.ts";
import { plain, troubleOf } from "./words.ts";

/** Renders everything; each view looks at what it shows and leaves the rest alone. */
function renderer(ringer: Ringer, dismiss: (id: number) => void): (state: State) => void {
  return (state) => {
    renderPresence(state);
    renderHome(state);
    renderCall(state);
    renderNotices(state, ({ id }) => dismiss(id));
    renderScreen(state);
    renderIncoming(state);
    renderMediaProblem(state);
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
  return model;
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
  const home = () => model.set({ screen: { at: "home", trouble: null } });
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
  onPress("done", home);
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
    return model.set({ screen: { at: "broken", trouble: plain("Not possible here", reason) } });
  }
  try {
    const client = await openClient(Number(here.searchParams.get("device") ?? 1), model);
    servePhone(createPhone(client, model), model);
    serveAccount(client, model);
    part("call-input", HTMLInputElement).value = here.searchParams.get("call") ?? "";
    addEventListener("pagehide", () => client.close());
    // A page that comes back out of the browser's cache has a client that was closed.
    addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
    if (client.label === null) {
      model.set({ screen: { at: "welcome", busy: false, trouble: null } });
    } else await enter(client, model);
  } catch (error) {
    model.set({ screen: { at: "broken", trouble: troubleOf(error) } });
  }
}

void start();
