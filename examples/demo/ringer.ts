/**
 * The sound of a call that rings, made by WebAudio; silent where the browser forbids sound.
 *
 * @module
 */

/** Two notes for a call that comes in, one low note for a call that goes out. */
export type Ring = "incoming" | "outgoing";

const NOTES: Readonly<Record<Ring, readonly number[]>> = {
  incoming: [659, 880],
  outgoing: [392],
};
const PERIOD_MS = 2_800;

/** A ringer; `ring(null)` stops it, and the same ring again changes nothing. */
export interface Ringer {
  ring(which: Ring | null): void;
}

/** Makes a ringer, which touches no sound device before it first rings. */
export function createRinger(): Ringer {
  let ringing: Ring | null = null;
  let sound: AudioContext | null = null;
  let timer: ReturnType<typeof setInterval> | undefined;

  return {
    ring(which) {
      if (which === ringing) return;
      ringing = which;
      clearInterval(timer);
      if (which === null) {
        void sound?.close();
        sound = null;
        return;
      }
      sound ??= new AudioContext();
      const context = sound;
      const play = () => NOTES[which].forEach((hertz, i) => strike(context, hertz, i * 0.22));
      play();
      timer = setInterval(play, PERIOD_MS);
    },
  };
}

function strike(sound: AudioContext, hertz: number, delay: number): void {
  const start = sound.currentTime + delay;
  const oscillator = sound.createOscillator();
  const gain = sound.createGain();
  oscillator.type = "triangle";
  oscillator.frequency.value = hertz;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(0.09, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, start + 0.7);
  oscillator.connect(gain).connect(sound.destination);
  oscillator.start(start);
  oscillator.stop(start + 0.75);
}
