"""Scales down a folder of photographs, and packs them into one tar archive with one folder per class.

    python gpu/photographs.py FOLDER photographs.tar
"""

import io
import sys
import tarfile
from pathlib import Path

from PIL import Image, ImageOps

SIDE = 64
QUALITY = 92
SUFFIXES = {".jpg", ".jpeg", ".png"}


def small(path):
    """The bytes of a JPEG file: the shorter side is scaled to SIDE pixels, and the centre is kept."""
    with Image.open(path) as image:
        image = ImageOps.exif_transpose(image).convert("RGB")
        image = ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY, optimize=True)
    return file.getvalue()


def main():
    if len(sys.argv) != 3:
        sys.exit("expected a folder with one subfolder of images per class, and the archive to write: "
                 f"python {sys.argv[0]} FOLDER photographs.tar")
    source, archive = Path(sys.argv[1]), Path(sys.argv[2])
    paths = sorted(path for path in source.glob("*/*") if path.suffix.lower() in SUFFIXES)
    if not paths:
        sys.exit(f"expected one subfolder of JPEG or PNG files per class in {source}, found none: name another folder")
    classes = sorted({path.parent.name for path in paths})
    with tarfile.open(archive, "w", format=tarfile.USTAR_FORMAT) as tar:
        for count, path in enumerate(paths, 1):
            try:
                content = small(path)
            except OSError as error:
                sys.exit(f"{path} cannot be read as an image: {error}; remove it, or copy it again")
            entry = tarfile.TarInfo(f"{path.parent.name}/{path.stem}.jpg")
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
            if count % 500 == 0:
                print(f"{count} of {len(paths)}", flush=True)
    print(f"{len(paths)} photographs of {len(classes)} classes, {SIDE} x {SIDE}, {archive.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
