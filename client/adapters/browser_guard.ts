/**
 * A guard on the transform of a sender or a receiver: whoever sets another one, or none, ends the media
 * before a frame can pass by.
 *
 * Firefox sends in the clear as soon as a transform is null, so a look each half second would be too
 * late. What goes around the guard, by the prototype's own setter, is left to the watchdog.
 *
 * @module
 */

/** The transform of a sender or a receiver that has a guard, behind it. */
interface Guarded {
  read(): unknown;
  write(transform: RTCRtpScriptTransform): void;
  /** Called whenever somebody wants to change it. */
  onChange: () => void;
}

const guarded = new WeakMap<object, Guarded>();

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
  const known = guarded.get(end);
  if (known !== undefined) known.write(transform);
  else end.transform = transform;
  const guard = known ?? guardOf(end);
  guard.onChange = onChange;
  return () => guard.read() === transform;
}

function guardOf(end: RTCRtpSender | RTCRtpReceiver): Guarded {
  const own = Object.getOwnPropertyDescriptor(end, "transform");
  const { get, set, value } = own ??
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(end), "transform")!;
  let held: unknown = value;
  const guard: Guarded = {
    read: () => get === undefined ? held : get.call(end),
    write(transform) {
      if (set === undefined) held = transform;
      else set.call(end, transform);
    },
    onChange: () => {},
  };
  Object.defineProperty(end, "transform", { get: guard.read, set: () => guard.onChange() });
  guarded.set(end, guard);
  return guard;
}
