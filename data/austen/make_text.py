"""Writes pride_and_prejudice.txt from Debian's package r-cran-janeaustenr, which holds the text of Project Gutenberg.

    apt-get download r-cran-janeaustenr && dpkg -x r-cran-janeaustenr_*.deb unpacked
    pip install rdata==1.1.0
    python data/austen/make_text.py unpacked/usr/lib/R/site-library/janeaustenr/data

Letters become lower case, everything between words becomes one space, chapter headings are left out, and the text ends with the last whole chapter within
300,000 characters. Lines are broken at words, at most 100 characters long.
"""

import gzip
import re
import sys
import textwrap
import zlib
from pathlib import Path

import rdata
from rdata.parser import parse_data

MOST = 300_000


def lines_of(folder: Path, name: str) -> list[str]:
    index = rdata.conversion.convert(parse_data(gzip.decompress((folder / "Rdata.rdx").read_bytes())))
    start, length = (int(number) for number in index["variables"][name])
    # Four bytes of its size come before the compressed object.
    stored = (folder / "Rdata.rdb").read_bytes()[start : start + length]
    return [str(line) for line in rdata.conversion.convert(parse_data(zlib.decompress(stored[4:])))]


def main() -> None:
    text = "\n".join(lines_of(Path(sys.argv[1]), "prideprejudice"))
    chapters = re.split(r"^chapter \d+\s*$", text, flags=re.IGNORECASE | re.MULTILINE)[1:]
    kept, length = [], 0
    for chapter in chapters:
        words = re.sub(r"[^a-z]+", " ", chapter.lower()).strip()
        if length + len(words) + 1 > MOST:
            break
        kept.append(words)
        length += len(words) + 1
    written = "\n".join(textwrap.fill(chapter, 100) for chapter in kept) + "\n"
    file = Path(__file__).with_name("pride_and_prejudice.txt")
    file.write_text(written)
    print(f"{file.name}: {len(kept)} chapters, {len(written)} characters, {len(set(written.split()))} different words of {len(written.split())}")


if __name__ == "__main__":
    main()
