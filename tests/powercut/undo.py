"""After a power cut: takes back what was not synced, as powercut.c wrote it down.

    python3 undo.py DIR STATE [--torn SEED] [--loose FOLDER]

Without --torn all that was not synced is lost. With it, each file keeps its first so many unsynced changes, and each folder its own,
as drawn from the seed: a disk writes some of what it has, in its own time. Below a --loose folder the sync of any file covers all
entries made before, as journalling file systems of Linux have it: PostgreSQL counts on that. Prints what was done as JSON; the journal
is empty then.
"""

import argparse
import json
import os
import random
import shutil
import struct
from collections import defaultdict
from pathlib import Path

HEAD = struct.Struct("<4sc3xQQQII")
NEVER = 2**64 - 1


def records(journal):
    """Records in order, each with its place; a last one that was cut off was never acted on."""
    bytes_ = journal.read_bytes() if journal.exists() else b""
    at = 0
    while at + HEAD.size <= len(bytes_):
        magic, kind, inode, offset, size, n1, n2 = HEAD.unpack_from(bytes_, at)
        if magic != b"PCUT":
            raise ValueError(f"{journal}: no record at byte {at}")
        end = at + HEAD.size + n1 + n2
        if end > len(bytes_):
            break
        one = bytes_[at + HEAD.size : at + HEAD.size + n1]
        two = bytes_[at + HEAD.size + n1 : end]
        yield at, kind.decode(), inode, offset, size, one, two
        at = end


def unsynced(journal, loose=None):
    """Changes of files by inode, and of folders by inode, that no later sync covers, in order; and what cannot be followed."""
    below = os.fsencode(loose) + b"/" if loose else None
    files, folders, beyond = defaultdict(list), defaultdict(list), []
    for place, kind, inode, offset, size, one, two in records(journal):
        if kind in "WT":
            files[inode].append((place, kind, offset, size, one))
        elif kind in "CMUXR":
            folders[inode].append((place, kind, offset, size, one, two))
        elif kind == "F":
            # A write of a descriptor opened with O_DSYNC is synced when it returns.
            files[inode] = [change for change in files[inode] if change[0] >= min(offset, place)]
            for changes in folders.values() if below else ():
                changes[:] = [change for change in changes if change[0] >= min(offset, place) or not change[4].startswith(below)]
        elif kind == "D":
            folders[inode] = [change for change in folders[inode] if change[0] >= offset]
        elif kind == "S":
            for changes in (*files.values(), *folders.values()):
                changes[:] = [change for change in changes if change[0] >= offset]
        elif kind == "E":
            beyond.append(os.fsdecode(one))
    return files, folders, beyond


def torn(changes, seed, inode):
    """The changes that are lost when a disk had written some of them."""
    changes.sort()
    kept = random.Random(f"{seed} {inode}").randint(0, len(changes)) if seed is not None else 0
    return changes[kept:]


def paths_by_inode(root, state):
    """A path of each regular file, the removed ones that are kept included."""
    found = {}
    for top in (state, root):
        for folder, _, names in os.walk(top):
            for name in names:
                path = os.path.join(folder, name)
                found[os.lstat(path).st_ino] = path
    return found


def undo_file(path, changes):
    """Gives a file back the bytes and length that it had before the changes."""
    with open(path, "r+b") as file:
        for _, _, offset, size, old in reversed(changes):
            file.truncate(size)
            file.seek(offset)
            file.write(old)
            file.truncate(size)


def undo_entry(state, kind, kept, one, two):
    """Takes back one change of a folder."""
    path, other, kept = os.fsdecode(one), os.fsdecode(two), state / f"kept-{kept}" if kept else None
    if kind == "C" and os.path.lexists(path):
        os.unlink(path)
    elif kind == "M" and os.path.isdir(path):
        shutil.rmtree(path)
    elif kind == "X" and not os.path.lexists(path):
        os.mkdir(path)
    elif kind == "U" and kept and not os.path.lexists(path):
        os.link(kept, path)
    elif kind == "R" and os.path.lexists(other):
        if not os.path.lexists(path):
            os.rename(other, path)
        if kept:
            if os.path.lexists(other):
                os.unlink(other)
            os.link(kept, other)


def undo(root, state, seed=None, loose=None):
    """Takes back what was not synced, and empties the journal. Counts by kind."""
    root, state = Path(root), Path(state)
    files, folders, beyond = unsynced(state / "journal", loose)
    known = paths_by_inode(root, state)
    done = defaultdict(int)
    for inode, changes in files.items():
        lost = torn(changes, seed, inode)
        if lost and inode in known:
            undo_file(known[inode], lost)
            done["files"] += 1
            done["writes"] += len(lost)
    entries = [change for inode, changes in folders.items() for change in torn(changes, seed, inode)]
    for _, kind, _, kept, one, two in sorted(entries, reverse=True):
        undo_entry(state, kind, kept, one, two)
        done["entries"] += 1
    for left in state.iterdir():
        left.unlink()
    return {**done, "not_followed": sorted(set(beyond))}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root")
    parser.add_argument("state")
    parser.add_argument("--torn", type=int, metavar="SEED")
    parser.add_argument("--loose", metavar="FOLDER")
    args = parser.parse_args()
    print(json.dumps(undo(args.root, args.state, args.torn, args.loose)))


if __name__ == "__main__":
    main()
