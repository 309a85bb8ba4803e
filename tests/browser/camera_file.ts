/**
 * What a browser's camera sees, as a file: Chromium plays it in the place of a camera, and opens it anew each
 * time the camera is opened.
 *
 * @module
 */

import { type Page } from "playwright-core";

const [WIDTH, HEIGHT] = [640, 480];

/** A camera that sees whatever it was last shown. */
export interface CameraFile extends AsyncDisposable {
  /** For the browser. */
  readonly flag: string;
  /** Holds a picture before it. @param page draws it @param png larger than its code, or not */
  show(page: Page, png: Uint8Array): Promise<void>;
}

/** A camera that sees nothing yet. */
export async function cameraFile(): Promise<CameraFile> {
  const path = await Deno.makeTempFile({ suffix: ".y4m" });
  const write = async (grey: Uint8Array) => {
    const head = new TextEncoder().encode(
      `YUV4MPEG2 W${WIDTH} H${HEIGHT} F20:1 Ip A1:1 C420jpeg\n`,
    );
    const frame = new TextEncoder().encode("FRAME\n");
    // Without colour: half as much again of the middle value.
    const colour = new Uint8Array(WIDTH * HEIGHT / 2).fill(128);
    await Deno.writeFile(
      path,
      new Uint8Array(
        await new Blob([head, frame, grey as BlobPart, colour])
          .arrayBuffer(),
      ),
    );
  };
  await write(new Uint8Array(WIDTH * HEIGHT).fill(119));
  return {
    flag: `--use-file-for-fake-video-capture=${path}`,
    async show(page, png) {
      let binary = "";
      for (const byte of png) binary += String.fromCharCode(byte);
      const url = `data:image/png;base64,${btoa(binary)}`;
      const grey = await page.evaluate(drawGrey, { url, width: WIDTH, height: HEIGHT });
      await write(Uint8Array.from(atob(grey), (letter) => letter.charCodeAt(0)));
    },
    [Symbol.asyncDispose]: () => Deno.remove(path),
  };
}

/** Runs in a page: the picture off the middle on grey, one byte a pixel. */
async function drawGrey(
  { url, width, height }: { url: string; width: number; height: number },
): Promise<string> {
  const image = new Image();
  image.src = url;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d")!;
  context.fillStyle = "#777";
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 110, 10, 460, 460);
  const { data } = context.getImageData(0, 0, width, height);
  let bytes = "";
  for (let i = 0; i < data.length; i += 4) bytes += String.fromCharCode(data[i]!);
  return btoa(bytes);
}
