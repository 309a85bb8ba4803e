"""Short codes that two people compare (PROTOCOL.md, "Verification by people")."""

from devices import ALICES, BOBS, ORIGIN, Record, account_id
from primitives import draw, hkdf_expand, label, sha256, u8, u16, u32, v16


def _party(record: Record, head: str) -> dict:
    return {
        "label": record.account,
        "record_hash": record.hash.hex(),
        "fingerprints": [draw(f"sas certificate of {record.account}", 32).hex()],
        "head": head,
    }


def _encoded(party: dict) -> bytes:
    prints = [bytes.fromhex(print_) for print_ in party["fingerprints"]]
    body = account_id(party["label"]) + bytes.fromhex(party["record_hash"])
    return body + u8(len(prints)) + b"".join(prints) + v16(party["head"].encode())


def _comparison(name: str, epoch: int, initiator: int, heads: tuple[str, str]) -> dict:
    call_id, exp = draw(f"sas {name}: call_id", 16), draw(f"sas {name}: exp", 32)
    roster = [_party(ALICES, heads[0]), _party(BOBS, heads[1])]
    parties = b"".join(_encoded(party) for party in roster)
    context = sha256(label("sas-context") + call_id + u32(epoch) + u16(len(roster)) + parties)
    secret = hkdf_expand(exp, label("exp") + v16(b"sas") + v16(context), 32)
    nonce_i, nonce_r = draw(f"sas {name}: nonce_I", 32), draw(f"sas {name}: nonce_R", 32)
    commit = sha256(label("sas-commit") + context + u16(initiator) + nonce_i)
    roles = u16(initiator) + u16(1 - initiator)
    code = hkdf_expand(secret, label("sas") + roles + commit + nonce_r + nonce_i, 11)
    bits = int.from_bytes(code[:3], "big")
    return {
        "name": name,
        "origin": ORIGIN,
        "call_id": call_id.hex(),
        "epoch": epoch,
        "exp": exp.hex(),
        "roster": roster,
        "initiator": initiator,
        "nonce_I": nonce_i.hex(),
        "nonce_R": nonce_r.hex(),
        "context": context.hex(),
        "S": secret.hex(),
        "Commit": commit.hex(),
        "code": code.hex(),
        "pictures": [bits >> shift & 63 for shift in (18, 12, 6, 0)],
        "digits": f"{int.from_bytes(code[3:], 'big') % 1_000_000:06}",
    }


def vectors() -> dict:
    heads = (f"{ORIGIN}\n8\nAAAA\n", f"{ORIGIN}\n10\nBBBB\n")
    return {
        "comparisons": [
            _comparison("the caller begins", 1, 0, heads),
            _comparison("the callee begins, in a later epoch", 7, 1, ("", heads[1])),
        ]
    }
