/**
 * The parts of the page, found by their `data-testid`, and the ways in which they change. Text of
 * others only ever becomes a text node.
 *
 * @module
 */

/** The element of this name. @throws Error where the page has none of that kind */
export function part<T extends HTMLElement = HTMLElement>(
  name: string,
  kind: { new (): T } = HTMLElement as unknown as { new (): T },
): T {
  const found = document.querySelector(`[data-testid="${name}"]`);
  if (!(found instanceof kind)) throw new Error(`bug: the page has no ${name}`);
  return found;
}

/** Sets a text where it changed, so that it is announced once. */
export function setText(name: string, text: string): void {
  const element = part(name);
  if (element.textContent !== text) element.textContent = text;
}

/** Shows or hides a part. */
export function setShown(name: string, shown: boolean): void {
  part(name).hidden = !shown;
}

/** An element with a class and a text. */
export function made<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  text: string,
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  element.textContent = text;
  return element;
}

/** Opens or closes a dialog; its title has the focus, so that no key pressed by chance answers. */
export function setOpen(name: string, open: boolean): void {
  const dialog = part(name, HTMLDialogElement);
  if (open && !dialog.open) {
    dialog.showModal();
    dialog.querySelector("h2")?.focus();
  }
  if (!open && dialog.open) dialog.close();
}

/** Where something goes on in steps: the title of a new one is read out, and the keyboard is there. */
export function setStep(panel: string, title: string, step: string): void {
  const { dataset } = part(panel);
  const isNew = dataset["step"] !== step;
  dataset["step"] = step;
  if (isNew) part(title).focus({ preventScroll: true });
}

/** Plays a stream, or nothing. */
export function setStream(name: string, stream: MediaStream | null): void {
  const video = part(name, HTMLVideoElement);
  if (video.srcObject === stream) return;
  video.srcObject = stream;
  // A browser that wants a gesture first plays it at the next one.
  if (stream !== null) video.play().catch(() => {});
}

/** The 60 digits as twelve groups of five. */
export function setSafetyNumber(name: string, digits: string): void {
  const list = part(name);
  if (list.dataset["digits"] === digits) return;
  list.dataset["digits"] = digits;
  const groups = digits.match(/.{5}/g) ?? [];
  list.replaceChildren(...groups.map((group) => made("li", "", group)));
}

/** Runs an action when a button is pressed. */
export function onPress(name: string, action: () => void): void {
  part(name, HTMLButtonElement).addEventListener("click", action);
}

/** Runs an action when a form is sent, and nothing else. */
export function onSubmit(name: string, action: () => void): void {
  part(name, HTMLFormElement).addEventListener("submit", (event) => {
    event.preventDefault();
    action();
  });
}
