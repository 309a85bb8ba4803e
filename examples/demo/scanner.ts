/**
 * The camera that looks for a code. Its pictures stay in this page.
 *
 * @module
 */

/** Between two looks, in milliseconds. */
const LOOK_MS = 120;
/** Longest side of what is looked at, in pixels: more takes longer and finds no more. */
const MAX_SIDE = 640;

/**
 * Shows the camera in a video and looks until there is a code; null where it was told to stop.
 *
 * @param wanted how the code begins; others that lie about are passed over
 * @throws Error in words for people
 */
export async function scan(
  video: HTMLVideoElement,
  wanted: RegExp,
  signal: AbortSignal,
): Promise<string | null> {
  // Needed by few, so it is loaded only here.
  const { decodeQR } = await import("qr/decode.js");
  const stream = await openCamera();
  try {
    video.srcObject = stream;
    await video.play();
    const canvas = document.createElement("canvas");
    const context = canvas.getContext("2d", { willReadFrequently: true })!;
    while (!signal.aborted) {
      const picture = pictureOf(video, canvas, context);
      const code = picture === null ? null : read(() => decodeQR(picture));
      if (code !== null && wanted.test(code)) return code;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    return null;
  } finally {
    stream.getTracks().forEach((track) => track.stop());
    video.srcObject = null;
  }
}

async function openCamera(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    const isRefused = error instanceof Error && error.name === "NotAllowedError";
    throw new Error(
      isRefused
        ? "The browser was not allowed to use the camera. Type or paste the code instead."
        : "No camera was found, or another program uses it. Type or paste the code instead.",
    );
  }
}

function pictureOf(
  video: HTMLVideoElement,
  canvas: HTMLCanvasElement,
  context: CanvasRenderingContext2D,
): ImageData | null {
  const { videoWidth, videoHeight } = video;
  if (videoWidth === 0) return null;
  const scale = Math.min(1, MAX_SIDE / Math.max(videoWidth, videoHeight));
  canvas.width = Math.round(videoWidth * scale);
  canvas.height = Math.round(videoHeight * scale);
  context.drawImage(video, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

/** A picture without a code makes the decoder throw. */
function read(decode: () => string): string | null {
  try {
    return decode();
  } catch {
    return null;
  }
}
