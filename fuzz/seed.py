"""Copies the FITS files of at most 64 KiB below the folders named, unpacked if gzip, to fuzz/corpus/fits_open, and
their headers to fuzz/corpus/header_parse."""

import gzip
import hashlib
import pathlib
import sys

LARGEST = 65536
root = pathlib.Path(__file__).parent / "corpus"
for name in ("fits_open", "header_parse"):
    (root / name).mkdir(parents=True, exist_ok=True)
count = 0
for folder in sys.argv[1:]:
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if not path.is_file() or not any(s in (".fits", ".fz", ".hdr") for s in path.suffixes):
            continue
        data = path.read_bytes()
        packed = data[:2] == b"\x1f\x8b"
        whole = gzip.decompress(data) if packed else data
        digest = hashlib.sha256(data).hexdigest()[:16]
        (root / "header_parse" / digest).write_bytes(whole[:8640])
        for kept in {data, whole}:
            if len(kept) <= LARGEST:
                digest = hashlib.sha256(kept).hexdigest()[:16]
                (root / "fits_open" / digest).write_bytes(kept)
                count += 1
print(f"{count} files")
