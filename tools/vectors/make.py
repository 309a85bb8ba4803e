"""Writes the test vectors: a second implementation of the formats in docs/PROTOCOL.md.

    python3 tools/vectors/make.py [FOLDER]          tests/vectors where none is named

Needs Python 3.11 and the package `cryptography` (X25519, Ed25519, AES-GCM). Nothing
in it is random: the same program writes the same files.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import devices  # noqa: E402
import group  # noqa: E402
import handshake  # noqa: E402
import invite  # noqa: E402
import link  # noqa: E402
import media  # noqa: E402
import prekeys  # noqa: E402
import rekey  # noqa: E402
import safety_number  # noqa: E402
import sas  # noqa: E402
import sealed  # noqa: E402

NOUNS = [devices, prekeys, handshake, sealed, rekey, media, group, safety_number, sas, link, invite]


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for noun in NOUNS:
        text = json.dumps(noun.vectors(), indent=2, ensure_ascii=False)
        (folder / f"{noun.__name__}.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    here = Path(__file__).resolve().parents[2] / "tests" / "vectors"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else here)
