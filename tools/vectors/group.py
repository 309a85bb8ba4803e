"""Keys of a group call (PROTOCOL.md, "Group keys"): its commits in their order, and what follows on each."""

from media import sframe_key
from primitives import (
    draw,
    ed25519_public,
    ed25519_sign,
    hkdf_expand,
    hmac_sha256,
    label,
    sha256,
    u8,
    u16,
    u32,
    u64,
    v16,
)

CALL_ID = draw("group call", 16)
SUITE, LAYOUT = 5, 1
TYPES = ("create", "join", "leave", "timer", "handover")
ZEROS = bytes(32)

# type, epoch, step, seat of the signer, seats given up, seats taken with who takes them
COURSE = [
    ("create", 1, 0, 0, [], {0: "ann"}),
    ("join", 1, 1, 0, [], {1: "bob", 2: "cid"}),
    ("timer", 1, 2, 0, [], {}),
    ("handover", 2, 0, 1, [0], {}),
    ("join", 2, 1, 1, [], {260: "dan"}),
    ("timer", 3, 0, 1, [], {}),
    ("leave", 4, 0, 1, [2], {}),
]


def _seed(name: str) -> bytes:
    return draw(f"group seed {name}", 32)


def _entry(name: str) -> bytes:
    return draw(f"group entry {name}", 32)


def _roster(seats: dict[int, str]) -> bytes:
    places = [u16(index) + _entry(seats[index]) for index in sorted(seats)]
    return u16(len(places)) + b"".join(places)


def _signed(name: str, what: str, body: bytes) -> bytes:
    return body + ed25519_sign(_seed(name), label(what) + body)


def _key(es: bytes, epoch: int, step: int, index: int, ctx: int) -> dict:
    base = hkdf_expand(es, label("sender") + u16(index) + u8(ctx), 64)
    kid = index << 11 | ctx << 8 | (epoch & 15) << 4 | step & 15
    key, salt = sframe_key(base, kid)
    return {
        "index": index,
        "ctx": ctx,
        "kid": kid,
        "base": base.hex(),
        "sframe_key": key.hex(),
        "sframe_salt": salt.hex(),
    }


def vectors() -> dict:
    seats: dict[int, str] = {}
    es, before = b"", ZEROS
    commits = []
    for order, (kind, epoch, step, by, removed, added) in enumerate(COURSE, 1):
        former = dict(seats)
        seats = {i: who for i, who in seats.items() if i not in removed} | added
        roster = _roster(seats)
        roster_hash = sha256(label("roster") + CALL_ID + roster)
        who, time_ms = seats[by], 1_700_000_000_000 + 2_000 * order
        body = (
            u8(0x50) + u8(1) + CALL_ID + u32(epoch) + u8(step) + u8(TYPES.index(kind))
            + roster_hash + before + u16(SUITE) + u8(LAYOUT) + u64(time_ms) + _entry(who)
            + u16(len(removed)) + b"".join(u16(index) for index in removed) + _roster(added)
        )  # fmt: skip
        wire = _signed(who, "commit", body)
        commit_hash = sha256(label("commit") + body)
        random = draw(f"group R {order}", 32)
        if step == 0:
            es = hmac_sha256(roster_hash + before, random)
        else:
            info = label("step") + CALL_ID + u32(epoch) + u8(step)
            es = hkdf_expand(hmac_sha256(roster_hash, es), info, 32)
        auth = hkdf_expand(es, label("auth"), 32)
        beat = u8(0x55) + CALL_ID + u32(order) + commit_hash + u64(time_ms + 9) + _entry(who)
        acks = [
            {"index": index, "ack": (u8(0x53) + u16(index) + hmac_sha256(
                auth, label("ack") + u16(index) + commit_hash)).hex()}
            for index in sorted(seats) if step == 0 and index != by and index in former
        ]  # fmt: skip
        exported = hkdf_expand(es, label("media-export") + v16(b"check") + v16(b"\7"), 40)
        commits.append(
            {
                "order": order,
                "type": kind,
                "epoch": epoch,
                "step": step,
                "signer": who,
                "time_ms": time_ms,
                "removed": removed,
                "added": [{"index": i, "who": added[i]} for i in sorted(added)],
                "roster": roster.hex(),
                "roster_hash": roster_hash.hex(),
                "wire": wire.hex(),
                "commit_hash": commit_hash.hex(),
                "R": random.hex() if step == 0 else None,
                "secret": (u8(0x51) + commit_hash + random).hex() if step == 0 else None,
                "ES": es.hex(),
                "auth": auth.hex(),
                "media_export": exported.hex(),
                "welcome": (u8(0x52) + u32(order) + commit_hash + es).hex(),
                "snapshot": (v16(wire) + roster).hex(),
                "acks": acks,
                "switch": (
                    u8(0x54) + hmac_sha256(auth, label("switch") + commit_hash)
                ).hex(),
                "heartbeat": _signed(who, "heartbeat", beat).hex(),
                "keys": [
                    _key(es, epoch, step, index, ctx) for index in sorted(seats) for ctx in (0, 5)
                ],
            }
        )
        before = commit_hash
    people = ["ann", "bob", "cid", "dan"]
    return {
        "call_id": CALL_ID.hex(),
        "people": [
            {
                "who": who,
                "entry": _entry(who).hex(),
                "ed25519_seed": _seed(who).hex(),
                "ed25519": ed25519_public(_seed(who)).hex(),
            }
            for who in people
        ],
        "commits": commits,
    }
