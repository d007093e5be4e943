#!/usr/bin/env bash
# Alembic 1.20.1 with SQLAlchemy 2.1.9: batch mode makes a table anew to change the type of one column.
#
# What it forgets of the others, without a word: ON DELETE CASCADE, where the reference stands with its column
# (REFERENCES makers ON DELETE CASCADE) and not in a clause of the table (FOREIGN KEY … ON DELETE CASCADE), which is
# the same to SQLite and keeps it; and COLLATE NOCASE, so that a UNIQUE column takes "ab-1" beside "AB-1" from now on.
#
# Seen:    on delete of a reference beside its column: CASCADE before, NO ACTION after
#          on delete of a reference in a clause:       CASCADE before, CASCADE after
#          a second code that differs by case:         refused before, taken after
#
# Needs:  python3 with venv. Leaves nothing.
set -euo pipefail

folder=$(mktemp --directory)
trap 'rm --recursive --force "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check alembic==1.20.1 SQLAlchemy==2.1.9

cat > batch.py <<'PY'
import sqlite3
import sys

import sqlalchemy as sa
from alembic.migration import MigrationContext
from alembic.operations import Operations


def shop(reference):
    engine = sa.create_engine("sqlite://", poolclass=sa.StaticPool)
    with engine.connect() as db:
        db.exec_driver_sql("CREATE TABLE makers (id INTEGER PRIMARY KEY)")
        db.exec_driver_sql(
            "CREATE TABLE parts (id INTEGER PRIMARY KEY, code TEXT COLLATE NOCASE UNIQUE, note VARCHAR(20), "
            + reference + ")")
        db.exec_driver_sql("INSERT INTO parts (code) VALUES ('AB-1')")
        db.commit()
    return engine


def look(engine):
    with engine.connect() as db:
        action = db.exec_driver_sql("SELECT on_delete FROM pragma_foreign_key_list('parts')").scalar()
        try:
            db.exec_driver_sql("INSERT INTO parts (code) VALUES ('ab-1')")
            return action, "taken"
        except sa.exc.IntegrityError:
            return action, "refused"


def before_and_after(reference):
    engine = shop(reference)
    before = look(engine)
    with engine.connect() as db:
        operations = Operations(MigrationContext.configure(db))
        with operations.batch_alter_table("parts") as parts:
            parts.alter_column("note", type_=sa.String(40))
        db.commit()
    return before, look(engine)


beside = before_and_after("maker INTEGER REFERENCES makers ON DELETE CASCADE")
clause = before_and_after("maker INTEGER, FOREIGN KEY (maker) REFERENCES makers (id) ON DELETE CASCADE")
print(f"on delete of a reference beside its column: {beside[0][0]} before, {beside[1][0]} after")
print(f"on delete of a reference in a clause:       {clause[0][0]} before, {clause[1][0]} after")
print(f"a second code that differs by case:         {clause[0][1]} before, {clause[1][1]} after")
expected = (("CASCADE", "refused"), ("NO ACTION", "taken")), (("CASCADE", "refused"), ("CASCADE", "taken"))
sys.exit((beside, clause) != expected)
PY
venv/bin/python batch.py || { echo "CHANGED"; exit 1; }
