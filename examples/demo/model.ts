/**
 * What the page shows, and how it changes. Data flows one way: an action changes the state, the state is
 * rendered; no view keeps a truth of its own.
 *
 * @module
 */

import { type MediaStats } from "../../client/mod.ts";
import {
  type Alarm,
  type CallView,
  type JoinView,
  type LinkView,
  type Notice,
  type Screen,
  type Source,
  type State,
  type Trouble,
} from "./state.ts";

/** The state and who watches it. */
export interface Model {
  /** The state now. */
  get(): State;
  /** Changes some of it and renders. */
  set(changes: Partial<State>): void;
  /** Changes some of the call on the screen; nothing where there is none. */
  setCall(changes: Partial<CallView>): void;
  /** Back to where calls are placed, with what is wrong there; or to why none can be. */
  goHome(trouble: Trouble | null, about?: "call" | "group"): void;
  /** Changes some of what is shown of a device that joins; nothing on another screen. */
  setJoin(changes: Partial<JoinView>): void;
  /** Changes some of what is shown of a device that is linked; nothing where none is. */
  setLink(changes: Partial<LinkView>): void;
  /** Adds a notice, or counts one that is there already. */
  notify(trouble: Trouble): void;
  /** Adds an alarm that is not there yet. */
  raise(label: string | null, trouble: Trouble): void;
  /** Changes an alarm, or takes it away. */
  settle(alarm: Alarm, changes: Partial<Alarm> | null): void;
}

/** The first screen of a device without an account. */
export const WELCOME: Extract<Screen, { readonly at: "welcome" }> = {
  at: "welcome",
  busy: false,
  about: "name",
  trouble: null,
};

/** Whether two alarms are about the same. */
export function isSameAlarm(a: Alarm, b: Pick<Alarm, "label" | "trouble">): boolean {
  return a.label === b.label && a.trouble.code === b.trouble.code;
}

/** Counts before anything was counted. */
const NO_STATS: MediaStats = {
  framesProtected: 0,
  bytesProtected: 0,
  framesOpened: 0,
  bytesOpened: 0,
  refused: {},
  duplicates: 0,
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
    samples: [],
    epoch: null,
    logSize: null,
    path: null,
    choices: [],
    sharing: false,
    talk: [],
    relayed: [],
    connectedMs: null,
    stalled: false,
  };
}

/** A model that calls `render` after every change, and once at the beginning. */
export function createModel(source: Source, render: (state: State) => void): Model {
  let notices = 0;
  let state: State = {
    screen: { at: "starting" },
    label: null,
    presence: "reconnecting",
    gaveUp: null,
    source,
    incoming: null,
    mediaProblem: null,
    startOver: null,
    unanswered: [],
    notices: [],
    alarms: [],
    evidence: [],
    devices: [],
    contacts: [],
    announcing: null,
    devicesNews: "",
    link: null,
    removal: null,
    check: null,
    kept: null,
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
    goHome(trouble, about = "call") {
      const { gaveUp } = state;
      const home: Screen = { at: "home", about, trouble };
      model.set({
        screen: gaveUp === null ? home : { at: "broken", trouble: gaveUp },
      });
    },
    setJoin(changes) {
      if (state.screen.at !== "joining") return;
      model.set({ screen: { at: "joining", join: { ...state.screen.join, ...changes } } });
    },
    setLink(changes) {
      if (state.link !== null) model.set({ link: { ...state.link, ...changes } });
    },
    notify(trouble) {
      const same = (notice: Notice) =>
        notice.trouble.title === trouble.title && notice.trouble.text === trouble.text;
      const isThere = state.notices.some(same);
      model.set({
        notices: isThere
          ? state.notices.map((it) => same(it) ? { ...it, count: it.count + 1 } : it)
          : [...state.notices, { id: ++notices, trouble, count: 1 }],
      });
    },
    raise(label, trouble) {
      const same = state.alarms.find((alarm) => isSameAlarm(alarm, { label, trouble }));
      if (same !== undefined && same.trouble.identity === trouble.identity) return;
      const others = state.alarms.filter((alarm) => alarm !== same);
      model.set({ alarms: [...others, { label, trouble, busy: false }] });
    },
    settle(alarm, changes) {
      const alarms = state.alarms.flatMap((it) => {
        if (!isSameAlarm(it, alarm)) return [it];
        return changes === null ? [] : [{ ...it, ...changes }];
      });
      model.set({ alarms });
    },
  };
  render(state);
  return model;
}
