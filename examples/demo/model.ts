/**
 * What the page shows, as one value. Data flows one way: an action changes the state, the state is
 * rendered; no view keeps a truth of its own.
 *
 * @module
 */

import { type CallState, type MediaStats, type RelayedMessage } from "../../client/mod.ts";

/** A message for people: what went wrong, and whether somebody lied. */
export interface Trouble {
  /** A headline. */
  readonly title: string;
  /** What it means and what to do. */
  readonly text: string;
  /** The code behind it, for whoever reports it. */
  readonly code: string;
  /** Somebody lied, or an identity changed: to be shown loudly. */
  readonly isLie: boolean;
}

/** The other side, as proven to this device. */
export interface PeerView {
  readonly label: string;
  readonly isNew: boolean;
  readonly firstSeenMs: number;
  /** 60 digits. */
  readonly safetyNumber: string;
  /** Size of the log head in which the name was proven. */
  readonly headSize: number;
}

/** Where a call stands, beginning before the client has one. */
export type Progress = "looking_up" | "preparing" | CallState;

/** The call on the screen. */
export interface CallView {
  readonly label: string;
  readonly progress: Progress;
  readonly peer: PeerView | null;
  readonly local: MediaStream | null;
  /** Whether the local picture is a camera, which people want to see mirrored. */
  readonly isCamera: boolean;
  readonly remote: MediaStream | null;
  readonly muted: boolean;
  readonly cameraOff: boolean;
  readonly stats: MediaStats;
  readonly relayed: readonly RelayedMessage[];
  /** When it became `connected`, Unix milliseconds. */
  readonly connectedMs: number | null;
}

/** How the last call ended. */
export interface EndView {
  readonly label: string;
  /** Whether it was placed from here, so that calling again makes sense. */
  readonly outgoing: boolean;
  readonly trouble: Trouble;
  readonly seconds: number;
  readonly stats: MediaStats;
}

/** What fills the page. */
export type Screen =
  | { readonly at: "starting" }
  | { readonly at: "broken"; readonly trouble: Trouble }
  | { readonly at: "welcome"; readonly busy: boolean; readonly trouble: Trouble | null }
  | { readonly at: "home"; readonly trouble: Trouble | null }
  | { readonly at: "call"; readonly call: CallView }
  | { readonly at: "ended"; readonly end: EndView };

/** A message that stays until it is dismissed. */
export interface Notice {
  readonly id: number;
  readonly trouble: Trouble;
}

/** Where sound and picture come from. */
export type Source = "camera" | "test";

/** Everything that is shown. */
export interface State {
  readonly screen: Screen;
  /** The own name, once registered. */
  readonly label: string | null;
  readonly online: boolean;
  readonly headSize: number;
  readonly source: Source;
  readonly incoming: PeerView | null;
  /** Why there is no camera, while somebody must decide what to send instead. */
  readonly mediaProblem: string | null;
  readonly notices: readonly Notice[];
}

/** The state and who watches it. */
export interface Model {
  /** The state now. */
  get(): State;
  /** Changes some of it and renders. */
  set(changes: Partial<State>): void;
  /** Changes some of the call on the screen; nothing where there is none. */
  setCall(changes: Partial<CallView>): void;
  /** Adds a notice. */
  notify(trouble: Trouble): void;
}

/** Counts before anything was counted. */
const NO_STATS: MediaStats = {
  framesProtected: 0,
  bytesProtected: 0,
  framesOpened: 0,
  bytesOpened: 0,
  refused: {},
};

/** A call of which nothing is known yet but a name. */
export function newCall(label: string): CallView {
  return {
    label,
    progress: "looking_up",
    peer: null,
    local: null,
    isCamera: false,
    remote: null,
    muted: false,
    cameraOff: false,
    stats: NO_STATS,
    relayed: [],
    connectedMs: null,
  };
}

/** A model that calls `render` after every change, and once at the beginning. */
export function createModel(source: Source, render: (state: State) => void): Model {
  let notices = 0;
  let state: State = {
    screen: { at: "starting" },
    label: null,
    online: false,
    headSize: 0,
    source,
    incoming: null,
    mediaProblem: null,
    notices: [],
  };
  const model: Model = {
    get: () => state,
    set(changes) {
      state = { ...state, ...changes };
      render(state);
    },
    setCall(changes) {
      if (state.screen.at !== "call") return;
      model.set({ screen: { at: "call", call: { ...state.screen.call, ...changes } } });
    },
    notify(trouble) {
      model.set({ notices: [...state.notices, { id: ++notices, trouble }] });
    },
  };
  render(state);
  return model;
}
