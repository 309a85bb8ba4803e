"""Prekey sets and one-time prekeys (PROTOCOL.md, "Prekeys")."""

from dataclasses import dataclass

import mlkem
from devices import ALICE, BOB, BOBS_TABLET, DAY_MS, NOW_MS, Device
from primitives import draw, ed25519_sign, label, merkle_path, merkle_root, sha256, u8, u16, u32
from primitives import u64, x25519_public

SUITE = 0x0001


@dataclass(frozen=True)
class Prekeys:
    device: Device
    number: int
    count: int

    @property
    def spk(self) -> bytes:
        return draw(f"{self.device.name} signed prekey", 32)

    @property
    def kpk_seed(self) -> bytes:
        """d || z."""
        return draw(f"{self.device.name} ML-KEM prekey", 64)

    @property
    def kpk(self) -> bytes:
        return mlkem.keygen(self.kpk_seed[:32], self.kpk_seed[32:])[0]

    @property
    def opks(self) -> list[bytes]:
        return [draw(f"{self.device.name} one-time prekey {i}", 32) for i in range(self.count)]

    @property
    def leaves(self) -> list[bytes]:
        keys = [x25519_public(opk) for opk in self.opks]
        return [sha256(b"\0" + label("opk") + u16(i) + key) for i, key in enumerate(keys)]

    @property
    def bytes(self) -> bytes:
        validity = u64(NOW_MS - DAY_MS) + u64(NOW_MS + 6 * DAY_MS)
        head = u8(1) + u16(SUITE) + self.device.entry_hash + u64(self.number) + validity
        signed = u32(self.number) + x25519_public(self.spk) + u32(self.number + 1) + self.kpk
        return head + signed + u16(self.count) + merkle_root(self.leaves)

    @property
    def signature(self) -> bytes:
        return ed25519_sign(self.device.signing_seed, label("prekey-set") + self.bytes)

    @property
    def hash(self) -> bytes:
        return sha256(label("prekey-set") + self.bytes)

    def json(self) -> dict:
        return {
            "device": self.device.name,
            "set_number": self.number,
            "not_before": NOW_MS - DAY_MS,
            "not_after": NOW_MS + 6 * DAY_MS,
            "spk_id": self.number,
            "spk_private": self.spk.hex(),
            "spk": x25519_public(self.spk).hex(),
            "kpk_id": self.number + 1,
            "kpk_seed": self.kpk_seed.hex(),
            "opk_root": merkle_root(self.leaves).hex(),
            "one_time_prekeys": [self._opk_json(i) for i in range(self.count)],
            "prekey_set": self.bytes.hex(),
            "prekey_set_hash": self.hash.hex(),
            "signature": self.signature.hex(),
        }

    def _opk_json(self, i: int) -> dict:
        return {
            "i": i,
            "opk_private": self.opks[i].hex(),
            "opk": x25519_public(self.opks[i]).hex(),
            "leaf": self.leaves[i].hex(),
            "path": [node.hex() for node in merkle_path(self.leaves, i)],
        }


OF_ALICE = Prekeys(ALICE, 1, 1)
OF_BOB = Prekeys(BOB, 7, 5)
OF_BOBS_TABLET = Prekeys(BOBS_TABLET, 2, 0)


def vectors() -> dict:
    return {"prekeys": [prekeys.json() for prekeys in (OF_ALICE, OF_BOB, OF_BOBS_TABLET)]}
