/**
 * Group calls: beginning one, joining one by its link, and what goes on in it. It moves the model and nothing
 * else; there is one at a time.
 *
 * @module
 */

import {
  type BrowserAdapter,
  browserAdapter,
  browserMedia,
} from "../../client/adapters/browser.ts";
import {
  type Client,
  CTX,
  type GroupCall,
  type GroupEvent,
  type Meeting,
} from "../../client/mod.ts";
import { type LocalMedia, openMedia } from "./media.ts";
import { type Model } from "./model.ts";
import { type GroupTile, type GroupView } from "./state.ts";
import { plain, troubleOf } from "./trouble.ts";

/** How many may come by the link of a group. */
const MAX_PEOPLE = 20;
/** How often the counts are looked at. */
const LOOK_MS = 1_000;
/** Most lines of talk that are shown. */
const MAX_LINES = 200;

/** There is neither camera nor microphone; the message says why. */
class NothingToSend extends Error {}

/** What people do about a group call. */
export interface Groups {
  begin(): void;
  join(link: string): void;
  leave(): void;
  toggleSound(): void;
  togglePicture(): void;
  toggleScreen(): void;
  say(text: string): void;
}

/** Makes the group calls of a client. */
export function createGroups(client: Client, model: Model): Groups {
  let call: GroupCall | null = null;
  let media: LocalMedia | null = null;
  let screen: MediaStream | null = null;
  const adapters = new Map<string, BrowserAdapter>();
  const streams = new Map<string, MediaStream>();

  return {
    begin: () => void enter(() => client.createRoom()),
    join: (link) => void enter(() => client.joinRoom(link)),
    leave: () => void call?.leave(),
    toggleSound: () => toggle("muted", CTX.mic),
    togglePicture: () => toggle("cameraOff", CTX.camera),
    toggleScreen: () => void toggleScreen(),
    say: (text) => void say(text),
  };

  async function enter(open: () => Promise<Meeting>): Promise<void> {
    if (call !== null || media !== null) return;
    show({
      link: "",
      progress: "entering",
      local: null,
      isCamera: false,
      muted: false,
      cameraOff: false,
      sharing: false,
      tiles: [],
      talk: [],
      generation: null,
      warning: "",
      stats: null,
    });
    try {
      media = await openMedia(model.get().source, client.label ?? "").catch(
        ({ message }: Error) => {
          throw new NothingToSend(message);
        },
      );
      change({ local: media.stream, isCamera: media.isCamera });
      const meeting = await open();
      await follow(meeting);
    } catch (error) {
      const trouble = error instanceof NothingToSend
        ? plain(
          "Nothing to send yet",
          `${error.message} A test picture needs neither: choose it above.`,
        )
        : troubleOf(error);
      model.goHome(trouble, "group");
    } finally {
      over();
    }
  }

  async function follow(meeting: Meeting): Promise<void> {
    const worker = browserMedia(() => new Worker("/worker.js", { type: "module" }));
    const iceServers = await client.iceServers();
    call = await client.joinCall(meeting, {
      adapter: ({ id }) => {
        const stream = new MediaStream();
        streams.set(id, stream);
        const adapter = browserAdapter({
          worker,
          audio: trackOf(CTX.mic),
          video: trackOf(CTX.camera),
          iceServers,
          onTrack: (track) => {
            // A shared screen takes the camera's place.
            if (track.kind === "video") {
              for (const old of stream.getVideoTracks()) stream.removeTrack(old);
            }
            stream.addTrack(track);
            showTiles();
          },
        });
        adapters.set(id, adapter);
        return adapter;
      },
    });
    const timer = setInterval(() => void look(), LOOK_MS);
    try {
      const isHost = meeting.self?.role === "host";
      const link = isHost
        ? await meeting.invite({ uses: MAX_PEOPLE, page: `${location.origin}/` }).catch(() => "")
        : "";
      change({ link, progress: "inside" });
      for await (const event of call.events()) take(event);
      const { why, error } = await call.ended;
      if (why === "left") model.goHome(null);
      else if (error !== null) model.goHome(troubleOf(error), "group");
      else {
        const out = plain("You are out of the call", "Somebody put you out, or ended it.");
        model.goHome(out, "group");
      }
    } finally {
      clearInterval(timer);
      worker.close();
    }
  }

  function take(event: GroupEvent): void {
    switch (event.kind) {
      case "participants":
        return showTiles();
      case "keys":
        return change({ generation: event.generation, warning: "" });
      case "held":
        return change({ warning: "Nothing is sent until the keys are new." });
      case "degraded":
        return change({
          warning: event.isDegraded ? "Nobody has changed the keys for a while." : "",
        });
      case "lost":
        // It is made anew by itself; a lie is to be seen.
        if (troubleOf(event.error).isLie) model.notify(troubleOf(event.error));
        return showTiles();
      case "message": {
        const { from, payload } = event.message;
        const text = new TextDecoder().decode(payload);
        return talk(from.account ?? from.guest ?? "", text);
      }
      case "suspect":
        // A device that is slow looks the same to the others: nobody is accused before people.
      case "room":
      case "ended":
        return;
    }
  }

  function showTiles(): void {
    const tiles = call?.participants().map(({ id, peer, state }): GroupTile => {
      return {
        id,
        label: peer.label,
        standing: peer.standing,
        state,
        stream: streams.get(id) ?? null,
      };
    }) ?? [];
    change({ tiles });
  }

  async function look(): Promise<void> {
    const all = await Promise.all(
      call?.participants().map(({ id }) => call!.stats(id)) ?? [],
    );
    const found = all.filter((stats) => stats !== null);
    const sum = (of: (stats: typeof found[number]) => number) =>
      found.reduce((total, stats) => total + of(stats), 0);
    change({
      stats: {
        protected: sum((stats) => stats.framesProtected),
        opened: sum((stats) => stats.framesOpened),
        refused: sum((stats) => Object.values(stats.refused).reduce((a, b) => a + b, 0)),
      },
    });
  }

  async function say(text: string): Promise<void> {
    if (text.trim() === "" || call === null) return;
    try {
      await call.say(new TextEncoder().encode(text));
      talk(client.label ?? "", text);
    } catch (error) {
      model.notify(troubleOf(error));
    }
  }

  function talk(from: string, text: string): void {
    const group = current();
    if (group !== null) change({ talk: [...group.talk, { from, text }].slice(-MAX_LINES) });
  }

  function toggle(which: "muted" | "cameraOff", ctx: typeof CTX.mic | typeof CTX.camera): void {
    const group = current();
    if (group === null || media === null) return;
    const off = !group[which];
    const tracks = ctx === CTX.mic ? media.stream.getAudioTracks() : media.stream.getVideoTracks();
    for (const track of tracks) track.enabled = !off;
    change({ [which]: off });
  }

  async function toggleScreen(): Promise<void> {
    if (screen === null) {
      // Whoever changes their mind has shared nothing.
      screen = await navigator.mediaDevices.getDisplayMedia({ video: true }).catch(() => null);
      screen?.getVideoTracks()[0]?.addEventListener("ended", () => void stopSharing());
    } else await stopSharing();
    await shareAll();
  }

  async function stopSharing(): Promise<void> {
    for (const track of screen?.getTracks() ?? []) track.stop();
    screen = null;
    await shareAll();
  }

  async function shareAll(): Promise<void> {
    change({ sharing: screen !== null });
    const track = screen?.getVideoTracks()[0] ?? trackOf(CTX.camera);
    // In the camera's place: a tile shows one picture.
    await Promise.all(
      [...adapters.values()].map((each) => each.setTrack(CTX.camera, track).catch(() => {})),
    );
  }

  function trackOf(ctx: typeof CTX.mic | typeof CTX.camera): MediaStreamTrack | null {
    const tracks = ctx === CTX.mic
      ? media?.stream.getAudioTracks()
      : media?.stream.getVideoTracks();
    return tracks?.[0] ?? null;
  }

  function current(): GroupView | null {
    const { screen } = model.get();
    return screen.at === "group" ? screen.group : null;
  }

  function show(group: GroupView): void {
    model.set({ screen: { at: "group", group } });
  }

  function change(changes: Partial<GroupView>): void {
    const group = current();
    if (group !== null) show({ ...group, ...changes });
  }

  function over(): void {
    for (const track of screen?.getTracks() ?? []) track.stop();
    media?.stop();
    call = media = screen = null;
    adapters.clear();
    streams.clear();
  }
}
