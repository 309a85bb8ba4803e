/**
 * A guard on the transform of a sender or a receiver: whoever sets another one, or none, ends the media
 * before a frame can pass by.
 *
 * Firefox sends in the clear as soon as a transform is null, so a look each half second would be too
 * late. What goes around the guard, by the prototype's own setter, is left to the watchdog.
 *
 * @module
 */

/** Sets a transform behind a guard; gives whether it still is the one that the browser has. */
type Guard = (transform: RTCRtpScriptTransform, onChange: () => void) => () => boolean;

const guards = new WeakMap<object, Guard>();

/**
 * Sets a transform for good, or until this function sets another one.
 *
 * @returns whether it still is the one that the browser has
 */
export function guardTransform(
  end: RTCRtpSender | RTCRtpReceiver,
  transform: RTCRtpScriptTransform,
  onChange: () => void,
): () => boolean {
  return (guards.get(end) ?? guardOf(end))(transform, onChange);
}

function guardOf(end: RTCRtpSender | RTCRtpReceiver): Guard {
  // The browser's own, whatever a script has put in front of it.
  const { get, set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(end), "transform")!;
  let tell = () => {};
  Object.defineProperty(end, "transform", { get: get!, set: () => tell() });
  const guard: Guard = (transform, onChange) => {
    tell = onChange;
    set!.call(end, transform);
    return () => get!.call(end) === transform;
  };
  guards.set(end, guard);
  return guard;
}
