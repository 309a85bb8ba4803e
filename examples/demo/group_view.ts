/**
 * The screen of a group call: a tile for everybody, what they say, and the keys in use.
 *
 * @module
 */

import { made, part, setShown, setStream, setText } from "./parts.ts";
import { STANDINGS } from "./check_view.ts";
import { renderTalk } from "./talk_view.ts";
import { type GroupTile, type GroupView, type State } from "./state.ts";

const TILE_STATES: Readonly<Record<GroupTile["state"], string>> = {
  joining: "Coming in",
  connecting: "Connecting",
  connected: "Encrypted",
};

/** The group call on the screen; without one the pictures are let go. */
export function renderGroup({ screen, label }: State): void {
  if (screen.at !== "group") {
    setStream("group-local", null);
    part("group-tiles").replaceChildren();
    part("group-talk").replaceChildren();
    return;
  }
  const { group } = screen;
  setStream("group-local", group.local);
  part("group-self").dataset["mirrored"] = String(group.isCamera && !group.sharing);
  part("group-self").dataset["off"] = String(group.cameraOff && !group.sharing);
  setText("group-own-label", label ?? "");
  setText("group-title", titleOf(group));
  setText("group-warning", group.warning);
  setShown("group-invite", group.link !== "");
  setText("group-link", group.link);
  renderTiles(group.tiles);
  renderTalk("group-talk", group.talk);
  renderControls(group);
  renderKeys(group);
}

function titleOf({ progress, tiles }: GroupView): string {
  if (progress === "entering") return "Joining…";
  if (tiles.length === 0) return "Nobody else is here yet";
  return `You and ${tiles.length} ${tiles.length === 1 ? "other" : "others"}`;
}

/** A tile stays the same element while somebody is there, so that their picture goes on. */
function renderTiles(tiles: readonly GroupTile[]): void {
  const list = part("group-tiles");
  const present = new Set(tiles.map(({ id }) => id));
  for (const old of [...list.children]) {
    if (old instanceof HTMLElement && !present.has(old.dataset["id"] ?? "")) old.remove();
  }
  for (const tile of tiles) {
    const item = [...list.children].find((each) =>
      each instanceof HTMLElement && each.dataset["id"] === tile.id
    ) ?? list.appendChild(newTile(tile));
    fillTile(item as HTMLElement, tile);
  }
}

function newTile({ id, label }: GroupTile): HTMLElement {
  const item = made("li", "tile", "");
  item.dataset["id"] = id;
  const video = made("video", "", "");
  video.autoplay = video.playsInline = true;
  const initial = made("span", "initial", label.slice(0, 1).toUpperCase());
  initial.setAttribute("aria-hidden", "true");
  const caption = made("p", "caption", "");
  caption.append(made("b", "", label), made("span", "tile-state", ""), made("span", "badge", ""));
  item.append(initial, video, caption);
  return item;
}

function fillTile(item: HTMLElement, { standing, state, stream }: GroupTile): void {
  item.dataset["state"] = state;
  const video = item.querySelector("video")!;
  if (video.srcObject !== stream) {
    video.srcObject = stream;
    if (stream !== null) video.play().catch(() => {});
  }
  const badge = item.querySelector<HTMLElement>(".badge")!;
  badge.dataset["standing"] = standing;
  setOwnText(badge, STANDINGS[standing]);
  setOwnText(item.querySelector<HTMLElement>(".tile-state")!, TILE_STATES[state]);
}

function renderControls({ local, muted, cameraOff, sharing }: GroupView): void {
  for (
    const [name, pressed, text] of [
      ["group-mute", muted, muted ? "Unmute" : "Mute"],
      ["group-camera", cameraOff, cameraOff ? "Picture on" : "Picture off"],
      ["group-share", sharing, sharing ? "Stop sharing" : "Share screen"],
    ] as const
  ) {
    part(name).setAttribute("aria-pressed", String(pressed));
    part(name, HTMLButtonElement).disabled = local === null;
    setText(name, text);
  }
}

function renderKeys({ generation, stats }: GroupView): void {
  const keys = generation === null
    ? "None yet"
    : `Epoch ${generation.epoch}, step ${generation.step}`;
  setText("group-keys", keys);
  setText("group-protected", (stats?.protected ?? 0).toLocaleString());
  setText("group-opened", (stats?.opened ?? 0).toLocaleString());
  setText("group-refused", (stats?.refused ?? 0).toLocaleString());
}

function setOwnText(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
