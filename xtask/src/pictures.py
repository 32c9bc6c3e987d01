"""Writes every picture in a notebook's outputs to a separate file: pictures.py NOTEBOOK FOLDER

Files are numbered in order and named after their cell and the picture's alternative text or title.
"""

import base64
import html
import pathlib
import re
import sys
import unicodedata
import urllib.parse

import nbformat

ENDINGS = {"image/png": "png", "image/gif": "gif", "image/jpeg": "jpg", "image/svg+xml": "svg", "image/webp": "webp"}
IMG = re.compile(r"<img\b[^>]*>", re.IGNORECASE | re.DOTALL)
SVG = re.compile(r"<svg\b.*?</svg>", re.IGNORECASE | re.DOTALL)


def attribute(tag, name):
    found = re.search(rf"\b{name}\s*=\s*(\"([^\"]*)\"|'([^']*)')", tag, re.IGNORECASE | re.DOTALL)
    return html.unescape(found.group(2) or found.group(3) or "") if found else ""


def from_data_uri(uri):
    found = re.match(r"data:([\w/+.-]+)((?:;[^,]*)?),(.*)", uri, re.DOTALL)
    if not found or found.group(1) not in ENDINGS:
        return None
    body = urllib.parse.unquote_to_bytes(found.group(3))
    return ENDINGS[found.group(1)], base64.b64decode(body) if ";base64" in found.group(2) else body


def pictures_in_html(text):
    for match in IMG.finditer(text):
        picture = from_data_uri(attribute(match.group(), "src"))
        if picture:
            yield *picture, attribute(match.group(), "alt")
    for match in SVG.finditer(IMG.sub("", text)):
        title = re.search(r"<title[^>]*>(.*?)</title>", match.group(), re.DOTALL)
        svg = match.group()
        if "xmlns=" not in svg.split(">", 1)[0]:
            # A page implies the namespace; a separate file has to declare it.
            svg = svg.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)
        yield "svg", svg.encode(), title.group(1) if title else attribute(match.group().split(">", 1)[0], "aria-label")


def pictures_of(output):
    data = output.get("data", {})
    found = list(pictures_in_html(data.get("text/html", "")))
    # If the output also has HTML with pictures, the others are copies of them.
    for mime, body in data.items() if not found else []:
        if mime in ENDINGS:
            content = body.encode() if mime == "image/svg+xml" else base64.b64decode(body)
            found.append((ENDINGS[mime], content, ""))
    return found


def slug(text):
    text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")[:50].rstrip("-")


def main():
    notebook = nbformat.read(sys.argv[1], as_version=4)
    folder = pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    number = 0
    code_cells = [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]
    for count, cell in enumerate(code_cells, 1):
        for output in cell.outputs:
            for ending, content, alt in pictures_of(output):
                number += 1
                words = slug(alt)
                name = f"{number:02}-cell-{count:02}{'-' if words else ''}{words}.{ending}"
                (folder / name).write_bytes(content)
                print("picture", folder / name, flush=True)


main()
