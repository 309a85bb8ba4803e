/**
 * The slice of livekit-client that its adapter uses. The package is never imported: the application
 * hands the adapter to its `Room`, and its version is the application's choice.
 *
 * @module
 */

/** A `Room`. */
export interface LivekitRoom {
  /** Oneself. */
  readonly localParticipant: {
    /** Says that what is published is encrypted. */
    setE2EEEnabled(enabled: boolean): Promise<void>;
    /** Told of each sender, in the tick in which it is made. */
    on(
      event: "localSenderCreated",
      listener: (sender: RTCRtpSender, track: LivekitTrack) => void,
    ): unknown;
  };
  /** Anybody in the room. */
  getParticipantByIdentity(identity: string): object | undefined;
  /** Told of each track that arrives. */
  on(
    event: "trackSubscribed",
    listener: (
      track: LivekitTrack & { readonly receiver?: RTCRtpReceiver | undefined },
      publication: object,
      participant: { readonly identity: string },
    ) => void,
  ): unknown;
}

/** A track, one's own or another's. */
export interface LivekitTrack {
  /** `microphone`, `camera`, `screen_share` or `screen_share_audio`. */
  readonly source: string;
}

/** An `RTCEngine`: it makes the senders of backup codecs, and tells nobody. */
export interface LivekitEngine {
  /** Makes one. */
  createSimulcastSender(
    track: LivekitTrack,
    ...more: never[]
  ): Promise<RTCRtpSender | undefined>;
}
