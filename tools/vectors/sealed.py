"""Sealed messages (PROTOCOL.md, "Sealed messages"): the chain of keys, the box and its padding."""

from dataclasses import dataclass, field

from primitives import aes_gcm, draw, hmac_sha256, sha256, u8, u32

SIZES = (512, 2048, 8192, 16384)
MAX_SKIPPED = 256


def pad(payload: bytes) -> bytes:
    size = next(size for size in SIZES if len(payload) < size)
    return (payload + b"\x80").ljust(size, b"\0")


@dataclass
class Chain:
    """Who seals in an epoch: one message after the other."""

    epoch: int
    th: bytes
    key: bytes
    n: int = 0
    sealed: list[dict] = field(default_factory=list)

    def box(self, payload: bytes) -> bytes:
        message_key = hmac_sha256(self.key, b"\1")
        header = u8(0x30) + u32(self.epoch) + u32(self.n)
        box = header + aes_gcm(message_key, bytes(12), self.th + header, pad(payload))
        self.sealed.append(
            {
                "n": self.n,
                "payload": payload.hex(),
                "message_key": message_key.hex(),
                "box": box.hex(),
            }
        )
        self.key = hmac_sha256(self.key, b"\2")
        self.n += 1
        return box

    def skip(self, to: int) -> None:
        """Messages that are lost, and not in the vectors."""
        while self.n < to:
            self.key = hmac_sha256(self.key, b"\2")
            self.n += 1


def _chain(
    name: str, epoch: int, sent: dict[int, bytes], delivered: list[tuple[int, bool]]
) -> dict:
    th, key = draw(f"{name} th", 32), draw(f"{name} chain key", 32)
    chain = Chain(epoch, th, key)
    for n, payload in sent.items():
        chain.skip(n)
        chain.box(payload)
    return {
        "name": name,
        "epoch": epoch,
        "th": th.hex(),
        "chain_key": key.hex(),
        "messages": chain.sealed,
        "delivered": [{"n": n, "opens": opens} for n, opens in delivered],
    }


def _chains() -> list[dict]:
    few = {n: f"message {n}".encode() for n in range(4)} | {4: b"", 5: draw("long message", 512)}
    in_order = [(n, True) for n in few]
    shuffled = [(2, True), (2, False), (0, True), (5, True), (3, True), (4, True), (1, True)]
    # Of 257 messages before it, 257 would be one too many to skip; so would 515 after 257.
    far = dict.fromkeys((0, 1, 256, 257, 513, 514, 515), b"")
    bounds = [(257, False), (0, True), (257, True), (515, False), (514, True)]
    # 514 left 258 to 513 behind, which took the place of all before them.
    bounds += [(1, False), (256, False), (513, True), (515, True)]
    near = dict.fromkeys((0, 1, 2, 256, 257, 258, 259), b"")
    # 259 leaves a 257th key behind, so that of message 0 goes.
    oldest = [(2, True), (257, True), (259, True), (0, False), (1, True), (256, True), (258, True)]
    return [
        _chain("in order", 1, few, in_order),
        _chain("out of order, and again", 0x01020304, few, shuffled + [(0, False), (5, False)]),
        _chain("256 may be skipped and 257 may not", 2, far, bounds),
        _chain("256 skipped keys are kept, the newest", 3, near, oldest),
    ]


def _padding(length: int) -> dict:
    # Bytes that look like padding, so that only the last 0x80 can be it.
    payload = b"\x80" * length
    padded = pad(payload)
    return {
        "payload_length": length,
        "payload_byte": 0x80,
        "padded_length": len(padded),
        "padded_sha256": sha256(padded).hex(),
    }


def vectors() -> dict:
    lengths = (0, 1, 510, 511, 512, 2047, 2048, 8191, 8192, 16383)
    refused = (bytes(512), b"\x80" + bytes(510), b"\x80" + bytes(512), bytes(511) + b"\x81", b"")
    return {
        "chains": _chains(),
        "padding": [_padding(length) for length in lengths],
        "not_padded": [data.hex() for data in refused],
    }
