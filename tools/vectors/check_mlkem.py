"""Holds mlkem.py to the vectors of Wycheproof.

    python3 tools/vectors/check_mlkem.py [../shared/vectors/wycheproof]

Prints one line a file; its status is 1 where anything differs or a file is absent.
"""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

sys.dont_write_bytecode = True

import mlkem  # noqa: E402


def _decapsulated(test: dict) -> str:
    seed = bytes.fromhex(test["seed"])
    if len(seed) != 64:
        raise ValueError("not a seed")
    ek, dk = mlkem.keygen(seed[:32], seed[32:])
    if "ek" in test and ek.hex() != test["ek"]:
        raise AssertionError("another encapsulation key")
    return mlkem.decaps(dk, bytes.fromhex(test["c"])).hex()


def _encapsulated(test: dict) -> str:
    shared, ct = mlkem.encaps(bytes.fromhex(test["ek"]), bytes.fromhex(test["m"]))
    return (ct + shared).hex()


def _made(test: dict) -> str:
    seed = bytes.fromhex(test["seed"])
    ek, dk = mlkem.keygen(seed[:32], seed[32:])
    return (ek + dk).hex()


FILES: dict[str, tuple[Callable[[dict], str], Callable[[dict], str]]] = {
    "mlkem_768_keygen_seed_test.json": (_made, lambda test: test["ek"] + test["dk"]),
    "mlkem_768_encaps_test.json": (_encapsulated, lambda test: test["c"] + test["K"]),
    "mlkem_768_test.json": (_decapsulated, lambda test: test["K"]),
}


def _tests(path: Path) -> Iterator[dict]:
    for group in json.loads(path.read_text())["testGroups"]:
        yield from group["tests"]


def _holds(test: dict, run: Callable[[dict], str], expected: Callable[[dict], str]) -> bool:
    try:
        got = run(test)
    except ValueError:
        return test["result"] == "invalid"
    return test["result"] == "valid" and got == expected(test)


def main(folder: Path) -> int:
    failed = 0
    for name, (run, expected) in FILES.items():
        verdicts = [_holds(test, run, expected) for test in _tests(folder / name)]
        failed += verdicts.count(False)
        print(f"{name}: {verdicts.count(True)} of {len(verdicts)} hold")
    return 1 if failed else 0


if __name__ == "__main__":
    here = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "wycheproof"
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else here))
