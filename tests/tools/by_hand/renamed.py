"""A program that saves a file by writing it anew beside the old one and renaming it into place.

    python renamed.py FILE

It reads the file as it is, changes its own copy from the first version of the shop into the second, and puts that
in the file's place. What another program wrote meanwhile is lost with the old file.

Needs:  Python alone.
Leaves: FILE, another one than before, without the -wal and -shm of the old one.
"""

import os
import sqlite3
import sys

UPGRADE = """
    ALTER TABLE parts ADD COLUMN colour TEXT;
    ALTER TABLE parts ADD COLUMN minimum INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE parts RENAME COLUMN note TO remark;
    ALTER TABLE parts DROP COLUMN shelf;
"""


def main(file):
    anew = file + ".anew"
    source = sqlite3.connect(file, timeout=30, isolation_level=None)
    source.execute("VACUUM INTO ?", (anew,))
    source.close()
    copy = sqlite3.connect(anew, isolation_level=None)
    copy.executescript(UPGRADE)
    copy.close()
    for end in ("-wal", "-shm"):
        if os.path.exists(file + end):
            os.unlink(file + end)
    os.replace(anew, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
