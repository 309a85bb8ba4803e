/**
 * Mailboxes, for tests.
 *
 * @module
 */

/** `POST` leaves a message for an account. */
export function messagesPath(label: string): string {
  return `/v1/messages/${encodeURIComponent(label)}`;
}
