"""A parts shop with peewee, its tables changed by playhouse.migrate.

    python shop.py FILE old|new|check [keep]

`old` makes the tables of the first version, `new` changes them into those of the second, `check` fails unless
they have its columns. With `keep` references are kept during the change, as the application has it: a table that
is made anew takes its children along. With TRACE=1 each statement is told on standard error.

Needs:  peewee, in the version of ../requirements.txt.
Leaves: the tables makers, parts, and sales or tickets in FILE.
"""

import os
import sys

import peewee as p
from playhouse.migrate import SqliteMigrator, migrate


class Maker(p.Model):
    name = p.CharField(40, unique=True)

    class Meta:
        table_name = "makers"


class Part(p.Model):
    code = p.CharField(20, unique=True)
    name = p.CharField(60)
    count = p.IntegerField()
    note = p.TextField(null=True)
    shelf = p.CharField(20, null=True, index=True)
    maker = p.ForeignKeyField(Maker, on_delete="CASCADE")

    class Meta:
        table_name = "parts"


class Sale(p.Model):
    number = p.CharField(30, unique=True)
    part = p.ForeignKeyField(Part, on_delete="CASCADE")
    pieces = p.IntegerField()

    class Meta:
        table_name = "sales"


def upgrade(db):
    """As playhouse.migrate is meant to be used: one transaction, references not looked at meanwhile."""
    change = SqliteMigrator(db)
    with db.atomic():
        migrate(
            change.add_column("parts", "colour", p.CharField(20, null=True)),
            change.add_column("parts", "minimum", p.IntegerField(default=0)),
            change.alter_column_type("makers", "name", p.CharField(80)),
            change.rename_column("parts", "note", "remark"),
            change.drop_index("parts", "part_shelf"),
            change.drop_column("parts", "shelf"),
            change.rename_table("sales", "tickets"),
        )


def main(file, version, keep=None):
    loose = version == "new" and not keep
    db = p.SqliteDatabase(file, pragmas={"foreign_keys": 0 if loose else 1}, timeout=30)
    db.bind([Maker, Part, Sale])
    db.connect()
    if os.environ.get("TRACE"):
        db.connection().set_trace_callback(lambda sql: print(sql, file=sys.stderr))
    if version == "old":
        db.create_tables([Maker, Part, Sale])
    elif version == "new":
        upgrade(db)
    elif version == "check":
        columns = [column.name for column in db.get_columns("parts")]
        wanted = {"id", "code", "name", "count", "remark", "maker_id", "colour", "minimum"}
        assert set(columns) == wanted, columns
        assert "tickets" in db.get_tables(), db.get_tables()


if __name__ == "__main__":
    main(*sys.argv[1:])
