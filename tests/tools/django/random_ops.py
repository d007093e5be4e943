"""Migrations at random: a chain of Django's operations is applied to two files that daemons keep in step.

    python random_ops.py SEED A.db [B.db]
    python random_ops.py SEED A.db --to 0003_widen

A seed makes a chain of 3 to 8 migrations (one kind of change each) and a story: both machines write through the
models of the version that they have, are migrated at times of their own, in one or more steps, and have their
daemons restarted. Each row belongs to one machine until both are level again, so every value that was written has
to stand; of the few rows that both write at once, either may win. With one file there is no daemon, and the same is
looked at: a test of the test. With --to a file is migrated and nothing more: the story runs that as a program of its
own, as people do, who close the application before.

What it cannot do it asks for, a line on standard output, and waits for a line on standard input:

    made              both files have the first migration: start daemons
    track M TABLE …   new tables are there on machine M
    restart M         stop and start the daemon
    end               both are at the last migration, and are equal

It ends with 0, or tells the story and what was lost. The kinds of change, 33:

    create_model          delete_model          rename_model          alter_model_table
    add_nullable          add_with_default      add_not_null_once     add_unique
    add_foreign_key       add_called_default    add_db_default
    remove_plain          remove_indexed        remove_foreign_key
    rename_plain          rename_foreign_key
    null_to_not_null      widen                 int_to_char           change_default
    unique_on_or_off      change_on_delete
    add_index             remove_index          rename_index
    add_constraint        remove_constraint     unique_together
    order_with_respect    many_to_many
    fill_by_sql           fill_by_python        (each adds a column and fills it in each row otherwise)
    separate              (an index in the database by SQL, in the state by AddIndex)

Not among them, since nobody could tell from outside what was meant: values changed in place, and a name given again.
For the same reason what a machine made and renamed in one go, and a renamed column in which it had nothing, is looked
for on the other only once both have had it under one name.

Needs:  Django, in the version of ../requirements.txt; daemons behind the two files.
Leaves: the tables of the app "made" in both.
"""

import itertools
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.modules["random_ops"] = sys.modules[__name__]

import django
from chain import chain
from django.conf import settings
from django.core.management import call_command
from django.db import connections, migrations

MACHINES = ["a", "b"]
SOON = 20
STEPS = {}


class Lost(Exception):
    pass


def ask(line):
    """Has the lab do something; alone there is none."""
    if len(MACHINES) < 2:
        return
    print(line, flush=True)
    if not sys.stdin.readline():
        raise SystemExit("nobody answers")


def until(wrong):
    """Waits until nothing is wrong any more; what is told of it after a while is what was lost."""
    late = time.monotonic() + SOON
    while (said := wrong()) is not None:
        if time.monotonic() > late:
            raise Lost(said)
        time.sleep(0.02)


class Story:
    def __init__(self, seed):
        self.seed, self.rng = seed, random.Random(seed)
        self.told, self.versions = chain(self.rng)
        self.at = dict.fromkeys(MACHINES, 0)
        self.count = itertools.count(1)
        # (model, key) -> whose it is; (model, key, column) -> the values of which one has to stand.
        self.rows, self.cells, self.gone, self.diary = {}, {}, set(), []
        self.apps = {}
        # machine -> (model, column or None) -> what it was called while nothing was under way.
        self.called = {machine: {} for machine in MACHINES}

    def note(self, line):
        self.diary.append(line)

    # What a machine's version of the application has.

    def mods(self, machine):
        return self.versions[self.at[machine]]

    def model(self, machine, mod):
        version = self.at[machine]
        if version not in self.apps:
            from django.db.migrations.loader import MigrationLoader
            loader = MigrationLoader(None)
            self.apps[version] = loader.project_state(("made", self.told[version][0])).apps
        return self.apps[version].get_model("made", mod.name)

    def rows_of(self, machine, mod):
        return self.model(machine, mod).objects.using(machine)

    def picture(self, machine):
        """All rows that this version has: (model, key) -> column -> value, references by their keys."""
        shown = {}
        keys = {id: dict(self.rows_of(machine, mod).values_list("pk", "key"))
                for id, mod in self.mods(machine).items()}
        for id, mod in self.mods(machine).items():
            cols = list(mod.cols.values())
            names = [col.column() for col in cols]
            more = ["_order"] if mod.order else []
            for key, *values in self.rows_of(machine, mod).values_list("key", *names, *more):
                row = {}
                for col, value in zip(cols, values):
                    if col.kind == "fk" and value is not None:
                        value = keys[col.target].get(value, f"nobody {value}")
                    row[col.id] = None if value is None else str(value)
                if more:
                    row["_order"] = values[-1]
                if (id, key) in shown:
                    raise Lost(f"{mod.name} {key} stands twice on {machine}")
                shown[id, key] = row
        return shown

    def pairs(self, machine):
        """What is linked with what, where many are with many."""
        found = set()
        for id, mod in self.mods(machine).items():
            for name in mod.pairs:
                for row in self.rows_of(machine, mod):
                    for other in getattr(row, name).values_list("key", flat=True):
                        found.add((id, name, row.key, other))
        return found

    def names(self, machine):
        """What a machine's version calls its tables and columns."""
        mods = self.mods(machine).values()
        cols = {(mod.id, col.id): col.name for mod in mods for col in mod.cols.values()}
        return {(mod.id, None): mod.in_sql() for mod in mods} | cols

    def empty(self, machine):
        """The columns in which a machine has nothing: by nothing is one known again that is renamed."""
        shown = self.picture(machine)
        filled = {(id, col) for (id, _), row in shown.items() for col, value in row.items() if value is not None}
        return {what for what in self.names(machine) if what[1] and what not in filled}

    def same(self):
        """The tables and columns that are known to be the same on all machines: each had them under one name."""
        called = [self.called[machine] for machine in MACHINES]
        for names, machine in zip(called, MACHINES):
            for what, name in self.names(machine).items():
                names.setdefault(what, set()).add(name)
        one = {what for what in called[0] if all(called[0][what] & names.get(what, set()) for names in called)}
        cols = {(mod.id, col.id): col for version in self.versions for mod in version.values() for col in mod.cols.values()}

        def is_same(what):
            target = cols[what].target if what in cols else None
            return what in one and (what[0], None) in one and (target is None or (target, None) in one)

        return set(filter(is_same, called[0]))

    # What happens.

    def value(self, machine, col):
        number = next(self.count)
        return number if col.kind == "int" else str(number) if col.digits else f"{machine} {number}"

    def any_row(self, machine, mod):
        rows = self.rows_of(machine, mod)
        keys = sorted(rows.values_list("key", flat=True))
        return rows.get(key=self.rng.choice(keys)) if keys else None

    def fill(self, machine, mod, row, cols):
        """New values in these columns; what was written, as it is looked for."""
        written = {}
        for col in cols:
            if col.kind == "fk":
                target = self.mods(machine)[col.target]
                other = self.any_row(machine, target) if self.rng.random() < 0.8 else None
                setattr(row, col.name, other)
                written[col.id] = other and other.key
            else:
                value = None if col.null and self.rng.random() < 0.2 else self.value(machine, col)
                setattr(row, col.name, value)
                written[col.id] = None if value is None else str(value)
        return written

    def enter(self, mod, key, written, others=None):
        for id, value in written.items():
            place = (mod.id, key, id)
            if value is None:
                # An upgrade may fill it.
                self.cells.pop(place, None)
            else:
                self.cells[place] = {value} | (others or {}).get(id, set())

    def insert(self, machine):
        mod = self.rng.choice(list(self.mods(machine).values()))
        key = f"{machine}-{next(self.count)}"
        row = self.model(machine, mod)(key=key)
        written = self.fill(machine, mod, row, mod.cols.values())
        row.save(using=machine)
        for name in mod.pairs:
            target = self.mods(machine)[mod.pairs[name]]
            if other := self.any_row(machine, target):
                getattr(row, name).add(other)
        self.rows[mod.id, key] = machine
        self.enter(mod, key, written)
        self.note(f"{machine} inserts {mod.name} {key} {written}")

    def mine(self, machine):
        return [place for place, owner in self.rows.items() if owner == machine and place[0] in self.mods(machine)]

    def update(self, machine, place=None, col=None, others=None):
        place = place or (self.rng.choice(self.mine(machine)) if self.mine(machine) else None)
        if place is None:
            return None
        mod = self.mods(machine)[place[0]]
        if not mod.cols:
            return None
        col = col or self.rng.choice(list(mod.cols.values()))
        row = self.rows_of(machine, mod).get(key=place[1])
        written = self.fill(machine, mod, row, [col])
        row.save(using=machine, update_fields=[col.name] if self.rng.random() < 0.5 else None)
        self.enter(mod, place[1], written, others)
        self.note(f"{machine} sets {mod.name} {place[1]} {written}")
        return col

    def delete(self, machine):
        targets = {col.target for version in self.versions for mod in version.values() for col in mod.cols.values()}
        targets |= {to for version in self.versions for mod in version.values() for to in mod.pairs.values()}
        found = [place for place in self.mine(machine) if place[0] not in targets]
        if not found:
            return
        id, key = self.rng.choice(found)
        mod = self.mods(machine)[id]
        self.watched(machine, mod)
        self.rows_of(machine, mod).filter(key=key).delete()
        del self.rows[id, key]
        self.gone.add((id, key))
        self.note(f"{machine} deletes {mod.name} {key}")

    def watched(self, machine, mod):
        """Waits until the triggers are back on a table: a row that goes before, like one that the migration left out, comes
        back (docs/operating.md)."""
        if len(MACHINES) < 2:
            return
        sql = "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = %s AND name LIKE '!_dunlin!_d!_%%' ESCAPE '!'"
        with connections[machine].cursor() as cursor:
            until(lambda: None if cursor.execute(sql, [mod.in_sql()]).fetchone()[0]
                  else f"no triggers on {mod.in_sql()} of {machine}")

    def contest(self):
        """Both write one row, neither having seen the other."""
        self.level()
        if len(MACHINES) < 2:
            return
        same = self.same()
        both = [place for place in self.rows if (place[0], None) in same
                and all(place[0] in self.mods(machine) for machine in MACHINES)]
        if not both:
            return
        place = self.rng.choice(both)
        shown = self.picture("a").get(place, {}) | self.picture("b").get(place, {})
        written = {}
        for machine, other in (("a", "b"), ("b", "a")):
            # What the other's row says nothing of has to stand; of the rest what was there may.
            known = self.mods(other)[place[0]].cols
            before = {id: {value} for id, value in shown.items() if id in known}
            written[machine] = self.update(machine, place, others=before)
        if written["a"] and written["b"] and written["a"].id == written["b"].id:
            self.cells.pop((*place, written["a"].id), None)
        self.level()
        after = self.alike(place)
        for id in shown:
            if (*place, id) in self.cells and after.get(id) is not None:
                self.cells[*place, id] = {after[id]}

    def migrate(self, machine, to):
        self.note(f"{machine} is migrated to {self.told[to][0]}")
        empty = self.empty(machine)
        connections[machine].close()
        file = connections[machine].settings_dict["NAME"]
        subprocess.run([sys.executable, __file__, str(self.seed), file, "--to", self.told[to][0]], check=True)
        before, called = set(tables(self.mods(machine))), self.names(machine)
        self.at[machine] = to
        for what, name in self.names(machine).items():
            if what in empty and name != called.get(what):
                self.called[machine][what] = set()
        new = [table for table in tables(self.mods(machine)) if table not in before]
        fresh = [table for table in new if table in self.created(to)]
        if fresh:
            ask(f"track {machine} {' '.join(fresh)}")

    def created(self, to):
        """Tables that are new by this version, and not old ones under another name."""
        made = set()
        for version, mods in enumerate(self.versions[1:to + 1], 1):
            before = self.versions[version - 1]
            for id, mod in mods.items():
                if id not in before:
                    made.add(id)
                made |= {(id, name) for name in mod.pairs if id not in before or name not in before[id].pairs}
        return {table for table, what in named(self.versions[to]) if what in made}

    # What must be so.

    def missing(self, machine, shown):
        same = self.same()
        for place in self.rows:
            if (place[0], None) in same and place[0] in self.mods(machine) and place not in shown:
                return f"{machine} has no {self.mods(machine)[place[0]].name} {place[1]}"
        for place in self.gone:
            if (place[0], None) in same and place in shown:
                return f"{machine} has {place}, which was deleted"
        for (id, key, col), wanted in self.cells.items():
            if (id, col) in same and (id, key) in self.rows and col in shown.get((id, key), {}):
                found = shown[id, key][col]
                if found not in wanted:
                    name = self.mods(machine)[id].cols[col].name
                    return f"{machine} shows {name} {found!r} in {key}, and {wanted} was written"
        return None

    def level(self):
        """Waits until both show what was written; no reference points nowhere meanwhile."""
        until(self.look)
        same = self.same()
        for place in [place for place in self.rows if (place[0], None) in same]:
            able = [machine for machine in MACHINES if place[0] in self.mods(machine)]
            self.rows[place] = self.rng.choice(able or [None])
        self.note("level")

    def look(self):
        wrong = None
        for machine in MACHINES:
            with connections[machine].cursor() as cursor:
                broken = cursor.execute("PRAGMA foreign_key_check").fetchall()
                if broken:
                    raise Lost(f"foreign_key_check on {machine}: {broken}")
                sql = """SELECT count(*) FROM _dunlin_log WHERE kind <> 0
                    AND tbl NOT IN (SELECT id FROM _dunlin_table WHERE away)"""
                lines = cursor.execute(sql).fetchone()[0] if len(MACHINES) > 1 else 0
                sql = "SELECT t.name, c.here FROM _dunlin_column c JOIN _dunlin_table t ON t.id = c.tbl"
                seen = cursor.execute(sql).fetchall() if len(MACHINES) > 1 else []
            if lines:
                return f"{machine} has {lines} lines to fold"
            for mod in self.mods(machine).values() if len(MACHINES) > 1 else []:
                cols = {(mod.in_sql(), col.column()) for col in mod.cols.values()}
                if unseen := cols - set(seen):
                    return f"{machine}'s daemon has not seen {unseen}"
            wrong = wrong or self.missing(machine, self.picture(machine))
        return wrong

    def alike(self, place):
        """Waits until both show one row alike, where both can; answers what a shows."""
        cols, others = (self.mods(machine)[place[0]].cols for machine in MACHINES)
        known = [id for mod, id in self.same() if mod == place[0] and id in cols and id in others]
        able = [id for id in known if cols[id].null == others[id].null]

        def differs():
            a, b = (self.picture(machine)[place] for machine in MACHINES)
            return None if all(a[id] == b[id] for id in able) else f"{place} is {a} on a, {b} on b"

        until(differs)
        return self.picture("a")[place]

    def equal(self):
        def differs():
            shown = [(self.picture(machine), self.pairs(machine)) for machine in MACHINES]
            return None if shown[0] == shown[-1] else "not equal: " + unlike(*shown)

        until(differs)

    def tell(self):
        last = len(self.told) - 1
        for machine in MACHINES:
            self.migrate_first(machine)
        ask("made")
        for _ in range(12):
            self.insert(self.rng.choice(MACHINES))
        self.level()
        while min(self.at.values()) < last:
            machine, turn = self.rng.choice(MACHINES), self.rng.random()
            if turn < 0.3:
                self.insert(machine)
            elif turn < 0.65:
                self.update(machine)
            elif turn < 0.7:
                self.delete(machine)
            elif turn < 0.78:
                self.level()
            elif turn < 0.82:
                self.contest()
            elif turn < 0.85:
                self.note(f"{machine} is restarted")
                ask(f"restart {machine}")
            elif self.at[machine] < last:
                self.migrate(machine, min(last, self.at[machine] + self.rng.choice([1, 1, 1, 2, last])))
        for _ in range(6):
            self.insert(self.rng.choice(MACHINES))
            self.update(self.rng.choice(MACHINES))
        self.level()
        self.equal()
        for machine in MACHINES:
            call_command("migrate", check_unapplied=True, database=machine, verbosity=0)
        ask("end")
        self.equal()

    def migrate_first(self, machine):
        call_command("migrate", "made", self.told[0][0], database=machine, verbosity=0)


def named(mods):
    """Each table of a version, and what it is for."""
    for id, mod in mods.items():
        yield mod.in_sql(), id
        for name in mod.pairs:
            yield f"{mod.in_sql()}_{name}", (id, name)


def tables(mods):
    return [table for table, _ in named(mods)]


def unlike(a, b):
    """The first place where two pictures differ, in words."""
    for place in sorted(set(a[0]) | set(b[0])):
        if a[0].get(place) != b[0].get(place):
            return f"{place}: {a[0].get(place)} on a, {b[0].get(place)} on b"
    return f"{sorted(a[1] ^ b[1])} on one of them"


def ready(files, told, folder):
    """Sets Django up for two files, and puts modules for the migrations where it looks for them."""
    package = Path(folder) / "made" / "migrations"
    package.mkdir(parents=True)
    for init in (package / "__init__.py", package.parent / "__init__.py"):
        init.touch()
    for (name, operations), before in zip(told, [None, *told]):
        after = [("made", before[0])] if before else []
        STEPS[name] = type("Migration", (migrations.Migration,), {"dependencies": after, "operations": operations})
        (package / f"{name}.py").write_text(f"from random_ops import STEPS\n\nMigration = STEPS[{name!r}]\n")
    sys.path.insert(0, folder)
    databases = {
        name: {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": file,
            "OPTIONS": {"timeout": 30, "transaction_mode": "IMMEDIATE"},
        }
        for name, file in zip(("default", *MACHINES), (":memory:", *files))
    }
    settings.configure(SECRET_KEY="none", INSTALLED_APPS=["made"], DATABASES=databases,
                       DEFAULT_AUTO_FIELD="django.db.models.BigAutoField")
    django.setup()


def main(seed, *files):
    # Whatever hangs, the seed ends.
    signal.alarm(240)
    *files, to = (*files[:-2], files[-1]) if "--to" in files else (*files, None)
    del MACHINES[len(files):]
    story = Story(int(seed))
    with tempfile.TemporaryDirectory() as folder:
        ready(files, story.told, folder)
        if to:
            call_command("migrate", "made", to, database="a", verbosity=0)
            return
        try:
            story.tell()
        except BaseException:
            print(f"seed {seed}: {[name for name, _ in story.told]}", *story.diary, sep="\n", file=sys.stderr)
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
