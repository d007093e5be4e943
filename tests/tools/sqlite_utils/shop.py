"""A parts shop whose tables are made and changed by sqlite-utils.

    python shop.py FILE old|new|extract|check

`old` makes the tables of the first version, `new` transforms them into those of the second, `extract` puts the
shelves of the first version into a table of their own, `check` fails unless the tables are the second's.
With TRACE=1 each statement is told on standard error.

Needs:  sqlite-utils, in the version of ../requirements.txt.
Leaves: the tables makers, parts, and sales or tickets in FILE.
"""

import os
import sqlite3
import sys

from sqlite_utils import Database


def make(db):
    db["makers"].create({"id": int, "name": str}, pk="id", not_null={"name"})
    db["makers"].create_index(["name"], unique=True)
    db["parts"].create(
        {"id": int, "code": str, "name": str, "count": int, "note": str, "shelf": str, "maker": int},
        pk="id", not_null={"code", "name", "count", "maker"}, foreign_keys=[("maker", "makers", "id")],
    )
    db["parts"].create_index(["code"], unique=True)
    db["sales"].create(
        {"id": int, "number": str, "part": int, "pieces": int},
        pk="id", not_null={"number", "part", "pieces"}, foreign_keys=[("part", "parts", "id")],
    )
    db["sales"].create_index(["number"], unique=True)


def upgrade(db):
    db["parts"].add_column("colour", str)
    db["parts"].add_column("minimum", int, not_null_default=0)
    db["makers"].transform(defaults={"name": "nobody"})
    db["parts"].transform(
        rename={"note": "remark"},
        drop={"shelf"},
        types={"count": float},
        column_order=["id", "code", "name", "count", "colour"],
    )
    db.rename_table("sales", "tickets")


def main(file, version):
    connection = sqlite3.connect(file, timeout=30)
    if os.environ.get("TRACE"):
        connection.set_trace_callback(lambda sql: print(sql, file=sys.stderr))
    db = Database(connection)
    if version == "old":
        make(db)
    elif version == "new":
        upgrade(db)
    elif version == "extract":
        db["parts"].extract("shelf", table="shelves", fk_column="shelf_id", rename={"shelf": "name"})
    elif version == "check":
        columns = db["parts"].columns_dict
        wanted = {"id": int, "code": str, "name": str, "count": float, "colour": str, "remark": str,
                  "maker": int, "minimum": int}
        assert columns == wanted, columns
        assert db["tickets"].exists()
    connection.commit()
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
