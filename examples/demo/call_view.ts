/**
 * The screen of a call: pictures, state, who is there, and what passed through the service.
 *
 * @module
 */

import { type RelayedMessage } from "../../client/mod.ts";
import { made, part, setSafetyNumber, setShown, setStream, setText } from "./parts.ts";
import { type CallView, type State } from "./state.ts";
import { renderTalk } from "./talk_view.ts";
import { clock, provenBy, refusedDetail, since, standing } from "./words.ts";

/** The call on the screen; without one the pictures are let go. */
export function renderCall({ screen }: State): void {
  if (screen.at !== "call") {
    setStream("local-video", null);
    setStream("remote-video", null);
    return;
  }
  const { call } = screen;
  renderStage(call);
  renderPeer(call);
  renderCounters(call);
  renderRelayed(call.relayed);
  renderTalk("talk", call.talk);
  part("talk-text", HTMLInputElement).disabled = call.progress !== "connected";
}

function renderStage(call: CallView): void {
  const stage = part("stage");
  stage.dataset["state"] = call.progress;
  stage.dataset["stalled"] = String(call.stalled);
  stage.dataset["mirrored"] = String(call.isCamera && !call.sharing);
  stage.dataset["cameraOff"] = String(call.cameraOff);
  setStream("local-video", call.local);
  setStream("remote-video", call.remote);
  setText("initial", call.label.slice(0, 1).toUpperCase());
  setText("state", standing(call));
  const seconds = call.connectedMs === null ? null : (Date.now() - call.connectedMs) / 1000;
  setText("duration", seconds === null ? "" : clock(seconds));
  for (
    const [name, pressed, text] of [
      ["mute", call.muted, call.muted ? "Unmute" : "Mute"],
      ["camera", call.cameraOff, call.cameraOff ? "Picture on" : "Picture off"],
      ["share", call.sharing, call.sharing ? "Stop sharing" : "Share screen"],
    ] as const
  ) {
    part(name).setAttribute("aria-pressed", String(pressed));
    part(name, HTMLButtonElement).disabled = call.local === null;
    setText(name, text);
  }
}

function renderPeer({ label, peer }: CallView): void {
  setText("peer", label);
  setShown("peer-since", peer !== null);
  setShown("safety", peer !== null);
  if (peer === null) return setText("peer-log", "Not proven yet.");
  setText("peer-since", since(peer));
  part("peer-since").dataset["new"] = String(peer.isNew);
  setText("peer-log", provenBy(peer));
  setSafetyNumber("safety-number", peer.safetyNumber);
}

function renderCounters({ stats }: CallView): void {
  const refused = Object.values(stats.refused).reduce((sum, count) => sum + count, 0);
  setText("frames-protected", stats.framesProtected.toLocaleString());
  setText("frames-opened", stats.framesOpened.toLocaleString());
  setText("frames-refused", refused.toLocaleString());
  setText("refused-detail", refusedDetail(stats));
  setShown("refused-detail", refused > 0);
}

/** Messages are only ever added, until another call begins with none. */
function renderRelayed(relayed: readonly RelayedMessage[]): void {
  const list = part("relayed");
  if (list.children.length > relayed.length) list.replaceChildren();
  for (const message of relayed.slice(list.children.length)) list.append(relayedItem(message));
  setShown("relayed-none", relayed.length === 0);
}

function relayedItem({ direction, bytes, kind }: RelayedMessage): HTMLElement {
  const item = made("li", "", "");
  item.dataset["direction"] = direction;
  const arrow = made("span", "arrow", direction === "sent" ? "→" : "←");
  arrow.setAttribute("aria-hidden", "true");
  const way = direction === "sent" ? "Sent" : "Received";
  item.append(
    arrow,
    made("b", "", `${way} ${bytes.toLocaleString()} bytes`),
    made("span", "opaque", "opaque ciphertext, padded"),
    made("span", "known", `to you: ${kind}`),
  );
  return item;
}
