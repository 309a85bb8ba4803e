"""Devices, and the records that list them (PROTOCOL.md, "Accounts and records")."""

from dataclasses import dataclass

from primitives import draw, ed25519_public, ed25519_sign, label, sha256, u8, u32, u64
from primitives import v8, v16, x25519_public

ORIGIN = "countersign.example/kt/1"
NOW_MS = 1_790_000_000_000
DAY_MS = 24 * 3_600_000

GENESIS, UPDATE = 1, 2
SELF, PREVIOUS = 1, 2


@dataclass(frozen=True)
class Device:
    account: str
    number: int
    title: str
    added_ms: int

    @property
    def name(self) -> str:
        return f"{self.account}/{self.number}"

    @property
    def signing_seed(self) -> bytes:
        return draw(f"{self.name} signing", 32)

    @property
    def identity(self) -> bytes:
        return draw(f"{self.name} identity", 32)

    @property
    def identity_key(self) -> bytes:
        return x25519_public(self.identity)

    @property
    def entry(self) -> bytes:
        keys = ed25519_public(self.signing_seed) + self.identity_key
        return u32(self.number) + keys + u64(self.added_ms) + v8(self.title.encode())

    @property
    def entry_hash(self) -> bytes:
        return sha256(label("device-entry") + account_id(self.account) + self.entry)

    @property
    def binding(self) -> bytes:
        message = label("device-binding") + account_id(self.account) + self.entry
        return ed25519_sign(self.signing_seed, message)

    def json(self) -> dict:
        return {
            "name": self.name,
            "origin": ORIGIN,
            "label": self.account,
            "device_id": self.number,
            "signing_seed": self.signing_seed.hex(),
            "signing_key": ed25519_public(self.signing_seed).hex(),
            "identity_private": self.identity.hex(),
            "identity_key": self.identity_key.hex(),
            "added_ms": self.added_ms,
            "device_name": self.title,
            "entry": self.entry.hex(),
            "entry_hash": self.entry_hash.hex(),
            "binding": self.binding.hex(),
        }


@dataclass(frozen=True)
class Record:
    """A record of an account; its first device signs, in every role that the kind asks for."""

    kind: int
    version: int
    issued_ms: int
    prev: bytes
    devices: tuple[Device, ...]

    @property
    def account(self) -> str:
        return self.devices[0].account

    @property
    def bytes(self) -> bytes:
        head = u8(1) + u8(self.kind) + u32(self.version) + u64(self.issued_ms) + self.prev
        listed = b"".join(device.entry + device.binding for device in self.devices)
        nothing = bytes(32) + v16(b"") + v16(b"")  # no recovery key, auth or ext
        tbs = head + u8(len(self.devices)) + listed + nothing
        roles = [SELF] if self.kind == GENESIS else [SELF, PREVIOUS]
        signed = b"".join(u8(role) + v16(self._signature(role, tbs)) for role in roles)
        return tbs + u8(len(roles)) + signed

    def _signature(self, role: int, tbs: bytes) -> bytes:
        message = label("record-signature") + u8(role) + account_id(self.account) + tbs
        return ed25519_sign(self.devices[0].signing_seed, message)

    @property
    def hash(self) -> bytes:
        return sha256(label("record") + self.bytes)

    def json(self) -> dict:
        return {
            "label": self.account,
            "version": self.version,
            "devices": [device.name for device in self.devices],
            "record": self.bytes.hex(),
            "record_hash": self.hash.hex(),
        }


def account_id(name: str) -> bytes:
    return v8(ORIGIN.encode()) + v8(name.encode())


ALICE = Device("alice", 1, "laptop", NOW_MS - 9 * DAY_MS)
BOB = Device("bob", 1, "phone", NOW_MS - 8 * DAY_MS)
BOBS_TABLET = Device("bob", 2, "Küche", NOW_MS - 7 * DAY_MS)

ALICES = Record(GENESIS, 0, ALICE.added_ms, bytes(32), (ALICE,))
BOBS_FIRST = Record(GENESIS, 0, BOB.added_ms, bytes(32), (BOB,))
BOBS = Record(UPDATE, 1, BOBS_TABLET.added_ms, BOBS_FIRST.hash, (BOB, BOBS_TABLET))


def record_of(device: Device) -> Record:
    """The newest record of a device's account."""
    return ALICES if device is ALICE else BOBS


def vectors() -> dict:
    devices = [ALICE, BOB, BOBS_TABLET]
    records = [ALICES, BOBS_FIRST, BOBS]
    return {
        "devices": [device.json() for device in devices],
        "records": [record.json() for record in records],
    }
