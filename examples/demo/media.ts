/**
 * What this device sends: camera and microphone, or a generated picture and tone where there is
 * none. What is opened here is stopped by whoever opened it.
 *
 * @module
 */

import { type Source } from "./state.ts";

/** A running source of sound and picture. */
export interface LocalMedia {
  /** Its tracks. */
  readonly stream: MediaStream;
  /** Whether it is a camera. */
  readonly isCamera: boolean;
  /** Turns it off. */
  stop(): void;
}

const WIDTH = 640;
const HEIGHT = 360;
const FRAMES_PER_SECOND = 24;

/** Opens a source. @throws Error in words for people */
export async function openMedia(source: Source, label: string): Promise<LocalMedia> {
  return source === "camera" ? await openCamera() : await openTestPicture(label);
}

async function openCamera(): Promise<LocalMedia> {
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: true,
      video: { width: { ideal: 1280 }, height: { ideal: 720 } },
    });
  } catch (error) {
    throw new Error(cameraProblem(error instanceof Error ? error.name : ""));
  }
  const stop = () => stream.getTracks().forEach((track) => track.stop());
  return { stream, isCamera: true, stop };
}

function cameraProblem(name: string): string {
  switch (name) {
    case "NotAllowedError":
      return "The browser was not allowed to use the camera and the microphone.";
    case "NotReadableError":
      return "The camera or the microphone is in use by another program.";
    default:
      return "No camera and microphone were found on this device.";
  }
}

async function openTestPicture(label: string): Promise<LocalMedia> {
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d")!;
  const hue = [...label].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) % 360, 160);
  const draw = () => drawPicture(context, label, hue);
  draw();
  // Not requestAnimationFrame, which stops in a tab that is not seen.
  const timer = setInterval(draw, 1000 / FRAMES_PER_SECOND);
  const stream = canvas.captureStream(FRAMES_PER_SECOND);
  const sound = new AudioContext();
  const out = sound.createMediaStreamDestination();
  const stopTone = playTone(sound, out, 330 + hue / 2);
  stream.addTrack(out.stream.getAudioTracks()[0]!);
  await sound.resume();
  return {
    stream,
    isCamera: false,
    stop() {
      clearInterval(timer);
      stopTone();
      stream.getTracks().forEach((track) => track.stop());
      void sound.close();
    },
  };
}

/** A slow wave of lines, the name, and the time, so that a frozen picture can be told. */
function drawPicture(context: CanvasRenderingContext2D, label: string, hue: number): void {
  const seconds = performance.now() / 1000;
  context.fillStyle = `hsl(${hue} 32% 13%)`;
  context.fillRect(0, 0, WIDTH, HEIGHT);
  context.lineWidth = 1.5;
  for (let line = 0; line < 22; line++) {
    context.strokeStyle = `hsl(${hue + line * 2} 45% ${30 + line}% / 0.55)`;
    context.beginPath();
    for (let x = 0; x <= WIDTH; x += 8) {
      const swing = Math.sin(x / 90 + seconds * 0.9 + line / 5) * 60;
      const ripple = Math.sin(x / 37 - seconds * 0.6 + line / 3) * 22;
      context.lineTo(x, HEIGHT / 2 + swing + ripple + (line - 11) * 7);
    }
    context.stroke();
  }
  context.fillStyle = "white";
  context.textAlign = "center";
  context.font = "600 44px system-ui, sans-serif";
  context.fillText(label, WIDTH / 2, HEIGHT / 2 + 4, WIDTH - 40);
  context.font = "20px ui-monospace, monospace";
  const time = new Date().toLocaleTimeString(undefined, { hour12: false });
  context.fillText(`test picture ${time}`, WIDTH / 2, HEIGHT / 2 + 42);
}

/** A soft note every two seconds, until it is stopped. */
function playTone(sound: AudioContext, out: AudioNode, hertz: number): () => void {
  const oscillator = sound.createOscillator();
  const gain = sound.createGain();
  oscillator.frequency.value = hertz;
  gain.gain.value = 0;
  oscillator.connect(gain).connect(out);
  oscillator.start();
  const strike = () => {
    gain.gain.setTargetAtTime(0.12, sound.currentTime, 0.02);
    gain.gain.setTargetAtTime(0, sound.currentTime + 0.25, 0.3);
  };
  strike();
  const timer = setInterval(strike, 2_000);
  return () => {
    clearInterval(timer);
    oscillator.stop();
  };
}
