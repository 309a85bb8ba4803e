/**
 * A guard on the transform of a sender or a receiver: whoever sets another one, or none, ends the media
 * before a frame can pass by.
 *
 * Firefox sends in the clear as soon as a transform is null, so a look each half second would be too
 * late. What goes around the guard, by the prototype's own setter, is left to the watchdog.
 *
 * @module
 */

/** Sets a transform for good. @returns whether it still is the one that the browser has */
export function guardTransform(
  end: RTCRtpSender | RTCRtpReceiver,
  transform: RTCRtpScriptTransform,
  onChange: () => void,
): () => boolean {
  end.transform = transform;
  const own = Object.getOwnPropertyDescriptor(end, "transform");
  const { get, value } = own ??
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(end), "transform")!;
  const read = (): unknown => get === undefined ? value : get.call(end);
  Object.defineProperty(end, "transform", { get: read, set: onChange });
  return () => read() === transform;
}
