/**
 * The texts for what fails: by the code of the client library, and by the service's own code where it
 * refused.
 *
 * @module
 */

import { type ClientErrorCode, type ProblemCode } from "../../client/mod.ts";

/** A headline, and a sentence or two: what it means and what to do. */
type Words = readonly [title: string, text: string];

/** What each code means. */
export const ERRORS: Readonly<Record<ClientErrorCode, Words>> = {
  head_rolled_back: [
    "The service’s log went back",
    "Its log is smaller than the one this device has already verified: it was emptied, restored from an old copy, or somebody is hiding entries. Ask whoever runs it before you go on.",
  ],
  log_forked: [
    "The service keeps two different logs",
    "What it shows now contradicts what it signed before: it was emptied and filled again, or it shows different people different logs. Ask whoever runs it before you go on.",
  ],
  quorum_missing: [
    "Too few witnesses vouch for the log",
    "The head of the log that the service shows lacks signatures of witnesses. Until it has them it may be a head that nobody else is shown. Nothing was believed.",
  ],
  stale_head: [
    "The service shows an old view of its log",
    "The witnesses have not vouched for it for too long: somebody may be hiding what was added since, such as a new key. Ask whoever runs it.",
  ],
  version_rolled_back: [
    "A name went back to older keys",
    "The service shows it with fewer changes than this device has seen already: it hides the newest ones. Nothing was sent.",
  ],
  epoch_invalid: [
    "A part of the log breaks its rules",
    "This device recomputed one of the log’s changes, and it is not what the service says, or is not shown. Whoever runs the service may have changed a name in secret.",
  ],
  account_reset: [
    "Your name was given to other devices",
    "Whoever runs the service reset your account. If that was not you, one of your devices has to take it back within 72 hours.",
  ],
  log_changed: [
    "The service’s log was replaced",
    "It signs with another key than the one this device trusts. This may be a new installation, or somebody in its place. Ask whoever runs it before you go on.",
  ],
  proof_invalid: [
    "The service gave a false proof",
    "The identity it answered with is not the one its own log commits to. Nothing was sent.",
  ],
  identity_changed: [
    "This is not the person you knew",
    "The keys behind this name are not those this device has seen before. Reach the person some other way before you trust this name again.",
  ],
  prekeys_invalid: [
    "The call keys were not signed by this person",
    "They are forged, or too old to be safe. Nothing was sent.",
  ],
  handshake_refused: [
    "A forged call message was refused",
    "A message did not come from the person it claimed to come from, or was meant for somebody else. It was thrown away.",
  ],
  offer_replayed: [
    "A repeated call was refused",
    "Somebody sent a copy of an earlier call. This device let it ring only once.",
  ],
  fingerprint_mismatch: [
    "Somebody is in between",
    "The media connection ended at another machine than the one this person vouched for. No sound or picture was sent.",
  ],
  bypass_detected: [
    "This browser tried to send without encryption",
    "Frames were seen to go past the encryption, so the call was stopped. Update the browser, or use another, before you call again.",
  ],
  code_mismatch: [
    "The codes are not the same",
    "Somebody may be between you and this person, or one of you looked at something else. Say nothing that others must not hear, and meet or call another way before you trust this name again.",
  ],
  room_forked: [
    "The service tells the people in this call different things",
    "It showed you and somebody else two orders of who came and went, which only happens where it wants to keep somebody in. The call was stopped.",
  ],
  comparison_refused: [
    "The other side cheated in the comparison",
    "It did not keep to the code that it was bound to, as somebody in between would have to. The call was stopped.",
  ],
  bad_label: [
    "That is not a valid name",
    "It begins with a letter or digit. Lower-case letters, digits and . _ @ + - may follow, but no spaces.",
  ],
  name_taken: ["That name is taken", "It belongs to somebody else. Choose another."],
  name_retired: ["That name has ended", "Nobody can have it any more. Choose another."],
  record_conflict: [
    "Your account changed meanwhile",
    "Another of your devices was quicker. Look again, then try again.",
  ],
  reset_pending: [
    "Your account was just reset",
    "For 72 hours one of its former devices may take it back; until then nothing else changes.",
  ],
  authorization_required: [
    "This name needs an authorization",
    "The service gives names only to people whom its operator knows. Sign in there first.",
  ],
  unknown_name: [
    "Nobody has that name",
    "The service knows nobody of that name. Check the spelling.",
  ],
  self_call: ["That is you", "To try it alone, open a second person in another tab."],
  device_removed: [
    "This device was removed",
    "It is no device of your account any more: another of your devices removed it, or the service forgot it. To link it again, start over here first.",
  ],
  bad_recovery_code: [
    "That recovery code does not fit",
    "It is mistyped, or belongs to another account.",
  ],
  link_failed: [
    "The devices did not come together",
    "It took too long, was given up, or somebody stood between them. Start again on both.",
  ],
  not_registered: ["No name yet", "Register a name first."],
  not_online: ["You are offline", "Calls work again as soon as the connection is back."],
  peer_offline: ["Not there right now", "They are not connected. Try again later."],
  no_answer: ["No answer", "Nobody answered in time."],
  cancelled: ["They gave up", "The caller stopped before you answered."],
  room_message_missing: [
    "Messages did not arrive",
    "Something that was said in this room is missing: the service kept it back, or lost it.",
  ],
  room_message_refused: [
    "A message was refused",
    "It was forged, came a second time, or was meant for somebody else. Nothing of it was taken.",
  ],
  room_not_found: ["No such room", "It has ended, or it is not for you. Ask for another invite."],
  room_locked: ["The room is locked", "Ask whoever runs it to unlock it."],
  room_ended: ["The room has ended", "Ask for an invite into another one."],
  room_full: ["The room is full", "Try again when somebody has left."],
  invite_invalid: [
    "The invite is not good",
    "It is used up, expired or withdrawn, or not whole. Ask for another one.",
  ],
  entry_denied: ["You were not let in", "Whoever runs the room turned you away, or put you out."],
  not_in_room: ["You are not in the room", "You have left it, or you have not been let in yet."],
  no_such_member: ["They are not in the room", "They have left."],
  media_failed: [
    "The media connection failed",
    "The two devices could not reach each other, or lost each other. Some networks need a relay.",
  ],
  refused: ["The service refused", "It did not allow this request."],
  bad_answer: [
    "The service’s answer makes no sense",
    "It does not follow the protocol. It may be another version, or broken.",
  ],
  in_use: [
    "Open in another tab",
    "This person is already online in another tab of this browser. Close that one first.",
  ],
  socket_blocked: [
    "Something blocks the connection",
    "The service can be reached, but a proxy or firewall lets no WebSocket through: no calls for now.",
  ],
  network: ["The service can’t be reached", "Check your connection and try again."],
  unavailable: ["The service is busy", "Wait a moment and try again."],
  insecure_context: ["Not possible here", "Open this page by HTTPS, or on localhost."],
  bad_option: [
    "This page is set up wrongly",
    "The address of the service, or the key of its log, is not one. Tell whoever runs this page.",
  ],
  store_failed: [
    "This browser could not keep its keys",
    "Its storage is full, blocked or damaged. Free some space, leave private browsing, and try again.",
  ],
  store_locked: [
    "The keys on this device are sealed",
    "They open under the key that they were sealed with, and no other.",
  ],
  closed: ["This page was closed", "Reload it to go on."],
};

/** What the service refused, where its own code says more than `refused`. */
export const REFUSED: Partial<Readonly<Record<ProblemCode, Words>>> = {
  log_frozen: [
    "The service has stopped its log",
    "Nobody can register or change devices until whoever runs it has recovered it. Calls go on.",
  ],
  bad_record: [
    "The service refused the keys of this device",
    "They do not verify there. Check that this device’s clock is right.",
  ],
  invalid_proof: [
    "The service refused this device’s signature",
    "Check that this device’s clock is right, then try again.",
  ],
  invalid_token: ["The service signed this device out", "Try again to sign in anew."],
  prekeys_conflict: [
    "The service lost count of this device’s call keys",
    "It may have been restored from an old copy. Ask whoever runs it before you go on.",
  ],
};

/** What the same codes mean where they end being there, rather than an attempt to get a name. */
export const STAY: Partial<Readonly<Record<ClientErrorCode, Words>>> = {
  account_reset: [
    "This device can’t be there",
    "Its name stands for other devices now. If it was not you who asked for that, cancel it above, within 72 hours. If it was, link this device from one of them when those are over.",
  ],
  name_taken: [
    "The service holds another account under your name",
    "It was emptied and somebody else took the name, or it gave the name away. Your people will not take the other for you. Ask whoever runs it before you go on.",
  ],
  name_retired: [
    "Your name has ended",
    "It was retired for good, by one of your devices or by whoever runs the service. You can start over with another.",
  ],
  unknown_name: [
    "The service does not know your name",
    "It was emptied, or restored from an old copy. Ask whoever runs it before you go on.",
  ],
};
