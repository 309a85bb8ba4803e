/**
 * The demo of Countersign: a page for calls, made of the client library as anybody would use it.
 *
 *     /?call=bob      with bob in the field, ready to call
 *     /?device=2      another person in the same browser, with keys of its own
 *     /#test          sends the test picture instead of the camera
 *     /#(an invite)   with the link of a group call in its field
 *
 * @module
 */

import { type Client } from "../../client/mod.ts";
import { deviceName, enter, missing, openOwn, type Own, register, storeName } from "./account.ts";
import { renderAlarms, renderEvidence } from "./alarm_view.ts";
import { answer } from "./alarms.ts";
import { askToAnnounce, createAnnouncer, mayAnnounce } from "./announcer.ts";
import { renderCall } from "./call_view.ts";
import { renderCheck } from "./check_view.ts";
import { type Checking, createChecking } from "./checking.ts";
import { onChoice, renderChoices } from "./choices_view.ts";
import { createContacts } from "./contacts.ts";
import { renderContacts } from "./contacts_view.ts";
import { createDevices, type Devices } from "./devices.ts";
import { renderDevices, renderLink, renderRemoval } from "./devices_view.ts";
import {
  renderIncoming,
  renderMediaProblem,
  renderNotices,
  renderPresence,
  renderScreen,
  renderStartOver,
  renderUnanswered,
} from "./frame_view.ts";
import { createGroups, type Groups } from "./group.ts";
import { renderGroup } from "./group_view.ts";
import { renderHome } from "./home_view.ts";
import { renderInspector } from "./inspector_view.ts";
import { closeInvitation, serveInvitations } from "./invitation.ts";
import { createJoiner, type Joiner } from "./join.ts";
import { renderJoin } from "./join_view.ts";
import { createModel, type Model, WELCOME } from "./model.ts";
import { onPress, onSubmit, part, setText } from "./parts.ts";
import { createPhone, type Phone } from "./phone.ts";
import { createRinger } from "./ringer.ts";
import { startOver } from "./start_over.ts";
import { type Alarm, type Source, type State } from "./state.ts";
import { serveTabs } from "./tabs.ts";
import { startTheme } from "./theme.ts";
import { plain, troubleOf } from "./trouble.ts";

/** What the buttons do that come and go with what they stand beside. */
interface Presses {
  dismiss(id: number): void;
  answer(alarm: Alarm): void;
  ask: Devices["ask"];
  call(label: string): void;
}

/** Renders everything; each view looks at what it shows and leaves the rest alone. */
function renderer(presses: Presses): (state: State) => void {
  const ringer = createRinger();
  const announcer = createAnnouncer();
  return (state) => {
    renderPresence(state);
    renderHome(state);
    renderContacts(state, (label) => presses.call(label));
    renderDevices(state, (device) => presses.ask(device));
    renderCall(state);
    renderChoices(state);
    renderInspector(state);
    renderGroup(state);
    renderCheck(state);
    renderUnanswered(state);
    renderNotices(state, ({ id }) => presses.dismiss(id));
    renderAlarms(state, (alarm) => presses.answer(alarm));
    renderEvidence(state);
    renderScreen(state);
    renderJoin(state);
    renderLink(state);
    renderRemoval(state);
    renderIncoming(state);
    announcer.announce(state.incoming);
    renderMediaProblem(state);
    renderStartOver(state);
    const { screen } = state;
    const goesOut = screen.at === "call" && screen.call.progress === "ringing";
    ringer.ring(state.incoming !== null ? "incoming" : goesOut ? "outgoing" : null);
  };
}

function startModel(source: Source): { readonly model: Model; readonly presses: Presses } {
  const presses: Presses = {
    dismiss: (id) =>
      model.set({ notices: model.get().notices.filter((notice) => notice.id !== id) }),
    answer: () => {},
    ask: () => {},
    call: () => {},
  };
  const model = createModel(source, renderer(presses));
  onPress("dismiss-missed", () => model.set({ unanswered: [] }));
  return { model, presses };
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
}

function serveAccount(own: Own, model: Model): void {
  onSubmit("register-form", () => {
    void register(own, model, part("name-input", HTMLInputElement).value);
  });
  serveCopy("copy", "invite");
  model.set({ announcing: mayAnnounce() });
  onPress("announce", () => void askToAnnounce(model));
  for (const source of ["camera", "test"] as const) {
    part(`source-${source}`).addEventListener("change", () => model.set({ source }));
  }
}

/** A button that copies a text. */
function serveCopy(button: string, name: string): void {
  onPress(button, () => {
    const text = part(name);
    navigator.clipboard.writeText(text.textContent).then(() => setText(button, "Copied"), () => {
      // Selected, so that the keyboard can copy it.
      getSelection()?.selectAllChildren(text);
      setText(button, "Selected");
    });
  });
}

function serveJoiner(joiner: Joiner, model: Model): void {
  const field = part("device-input", HTMLInputElement);
  field.value = deviceName();
  onSubmit("join-form", () => joiner.begin(field.value));
  onPress("join-confirm", () => joiner.confirm());
  onPress("join-differ", () => joiner.giveUp());
  onPress("join-cancel", () => joiner.giveUp());
  const kind = () => {
    const { screen } = model.get();
    return screen.at === "joining" ? screen.join.kind : "scanned";
  };
  onPress("join-again", () => joiner.again(kind()));
  onPress("join-kind", () => joiner.again(kind() === "scanned" ? "typed" : "scanned"));
  serveCopy("join-copy", "join-code-text");
}

function serveDevices(devices: Devices): void {
  onPress("link-device", () => devices.link());
  onSubmit("link-code", () => devices.take(part("link-input", HTMLInputElement).value));
  onPress("scan", () => devices.toggleScan());
  onPress("link-confirm", () => devices.confirm());
  onPress("link-cancel", () => devices.giveUp());
  part("link-dialog").addEventListener("cancel", () => devices.giveUp());
  onPress("remove-sure", () => devices.remove());
  onPress("remove-cancel", () => devices.spare());
  part("remove-dialog").addEventListener("cancel", () => devices.spare());
}

function serveChecking(checking: Checking): void {
  onPress("check", () => checking.open());
  onPress("check-close", () => checking.close());
  onPress("check-compare", () => checking.compare());
  onPress("check-same", () => checking.say("same"));
  onPress("check-differ", () => checking.say("different"));
  onPress("check-scan", () => checking.toggleScan());
  part("check-dialog").addEventListener("cancel", () => checking.close());
}

function serveGroups(groups: Groups): void {
  onPress("group-begin", () => groups.begin());
  onSubmit("group-join", () => {
    closeInvitation();
    groups.join(part("group-join-link", HTMLInputElement).value.trim());
  });
  onPress("group-mute", () => groups.toggleSound());
  onPress("group-camera", () => groups.togglePicture());
  onPress("group-share", () => groups.toggleScreen());
  onPress("group-leave", () => groups.leave());
  onSubmit("group-say", () => {
    const field = part("group-text", HTMLInputElement);
    groups.say(field.value);
    field.value = "";
  });
  serveCopy("group-copy", "group-link");
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
  onPress("share", () => phone.toggleScreen());
  onChoice((choice) => phone.use(choice));
  onSubmit("talk-form", () => {
    const field = part("talk-text", HTMLInputElement);
    const { value } = field;
    void phone.say(value).then((isSaid) => {
      if (isSaid && field.value === value) field.value = "";
    });
  });
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
  const { model, presses } = startModel(here.hash === "#test" ? "test" : "camera");
  const reason = missing();
  if (reason !== null) {
    const trouble = plain("Not possible here", reason);
    return model.set({ screen: { at: "broken", trouble } });
  }
  const device = Number(here.searchParams.get("device") ?? 1);
  const callee = (here.searchParams.get("call") ?? "").trim();
  let own: Own | null = null;
  try {
    own = await openOwn(device, model);
    const { client, store } = own;
    serveRescue(device, client, model);
    const checking = createChecking(client, model);
    const contacts = createContacts(client, model, storeName(device));
    const phone = createPhone(client, model, (call) => {
      checking.follow(call);
      void contacts.follow(call);
    });
    const devices = createDevices(own, model);
    presses.answer = (alarm) => void answer(client, model, alarm);
    presses.ask = devices.ask;
    presses.call = (label) => phone.place(label);
    servePhone(phone, model);
    serveChecking(checking);
    serveGroups(createGroups(client, model));
    serveAccount(own, model);
    serveJoiner(createJoiner(own, model), model);
    serveDevices(devices);
    const handOver = serveTabs(device, model);
    part("call-input", HTMLInputElement).value = callee;
    serveInvitations();
    serveDeparture(client, phone);
    void contacts.show();
    if (client.label === null) return model.set({ screen: WELCOME });
    void store.isPersistent().then((kept) => model.set({ kept }));
    await enter(client, model, callee);
    if (model.get().presence === "elsewhere" && callee !== "") handOver(callee);
  } catch (error) {
    if (own === null) serveRescue(device, null, model);
    model.set({ screen: { at: "broken", trouble: troubleOf(error) } });
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
