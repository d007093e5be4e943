"""A chain of migrations from a seed: the models as the generator has them in mind, and Django's operations on them.

random_ops.py tells which kinds of change there are, and applies them. A model and a column have an id: what they
are, whatever they are called in this version or that.
"""

import copy
import itertools

from django.db import migrations as m, models


class Col:
    """A column: `id` is what it is, whatever it is called."""

    def __init__(self, id, name, kind, **more):
        self.id, self.name, self.kind = id, name, kind
        self.null, self.unique, self.indexed, self.size = True, False, False, 20
        # Of which rows can have equal values, so that it is never made unique.
        self.dup, self.default, self.db_default = False, None, None
        self.target, self.on_delete, self.used = None, models.SET_NULL, False
        # A text that other versions take for a number.
        self.digits = False
        self.__dict__.update(more)

    def column(self):
        return self.name + ("_id" if self.kind == "fk" else "")

    def field(self, world, once=None):
        more = {"null": self.null}
        if once is not None:
            more["default"] = once
        elif self.default is not None:
            more["default"] = self.default
        if self.db_default is not None:
            more["db_default"] = self.db_default
        if self.kind == "fk":
            target = f"made.{world.models[self.target].name}"
            return models.ForeignKey(target, self.on_delete, related_name="+", **more)
        more.update(unique=self.unique, db_index=self.indexed)
        if self.kind == "int":
            return models.IntegerField(**more)
        return models.CharField(max_length=self.size, **more)


class Mod:
    def __init__(self, id, name):
        self.id, self.name, self.table = id, name, None
        self.cols, self.indexes, self.constraints = {}, {}, {}
        self.together, self.order, self.pairs = False, False, {}

    def in_sql(self):
        return self.table or f"made_{self.name.lower()}"


class World:
    """The models of one version, and the operations that lead to the next."""

    def __init__(self, rng):
        self.rng, self.models, self.count = rng, {}, itertools.count(1)

    def next(self, word):
        return f"{word}{next(self.count)}"

    def create(self, name, cols):
        mod = Mod(self.next("model"), name)
        self.models[mod.id] = mod
        for col in cols:
            mod.cols[col.id] = col
        fields = [
            ("id", models.BigAutoField(primary_key=True, auto_created=True, serialize=False)),
            ("key", models.CharField(max_length=40, unique=True)),
        ]
        return m.CreateModel(name, fields + [(col.name, col.field(self)) for col in cols])

    def col(self, kind, **more):
        id = self.next("col")
        return Col(id, f"{kind}_{id}", kind, **more)

    def referred(self, mod):
        cols = [col for other in self.models.values() for col in other.cols.values()]
        pairs = [to for other in self.models.values() for to in other.pairs.values()]
        return any(col.target == mod.id for col in cols) or mod.id in pairs

    def pick(self, wanted):
        """Any (model, column) that is as wanted and on which nothing else rests."""
        found = [(mod, col) for mod in self.models.values() for col in mod.cols.values() if wanted(mod, col)]
        return self.rng.choice(found) if found else (None, None)

    def add(self, mod, col, once=None):
        mod.cols[col.id] = col
        return m.AddField(mod.name, col.name, col.field(self, once), preserve_default=once is None)

    def alter(self, mod, col, once=None):
        return m.AlterField(mod.name, col.name, col.field(self, once), preserve_default=once is None)

    def any(self):
        return self.rng.choice(list(self.models.values()))

    # Each kind answers its operations, or nothing where the schema has no place for it.

    def create_model(self):
        other = self.any()
        cols = [self.col("char"), self.col("int"), self.col("fk", target=other.id, on_delete=models.CASCADE)]
        return [self.create(self.next("New"), cols)]

    def delete_model(self):
        found = [mod for mod in self.models.values() if not self.referred(mod)]
        if len(self.models) < 3 or not found:
            return None
        mod = self.rng.choice(found)
        del self.models[mod.id]
        return [m.DeleteModel(mod.name)]

    def rename_model(self):
        mod, name = self.any(), self.next("Renamed")
        old, mod.name = mod.name, name
        return [m.RenameModel(old, name)]

    def alter_model_table(self):
        mod = self.any()
        mod.table = self.next("table_")
        return [m.AlterModelTable(mod.name, mod.table)]

    def add_nullable(self):
        return [self.add(self.any(), self.col(self.rng.choice(["char", "int"])))]

    def add_with_default(self):
        return [self.add(self.any(), self.col("int", null=False, default=4, dup=True))]

    def add_not_null_once(self):
        return [self.add(self.any(), self.col("char", null=False, dup=True), "once")]

    def add_unique(self):
        return [self.add(self.any(), self.col("char", unique=True))]

    def add_foreign_key(self):
        action = self.rng.choice([models.SET_NULL, models.CASCADE])
        return [self.add(self.any(), self.col("fk", target=self.any().id, on_delete=action))]

    def add_called_default(self):
        return [self.add(self.any(), self.col("char", null=False, default=called, dup=True))]

    def add_db_default(self):
        return [self.add(self.any(), self.col("int", null=False, db_default=9, dup=True))]

    def _remove(self, wanted):
        mod, col = self.pick(lambda mod, col: wanted(col) and not col.used)
        if col is None:
            return None
        del mod.cols[col.id]
        return [m.RemoveField(mod.name, col.name)]

    def remove_plain(self):
        return self._remove(lambda col: col.kind != "fk" and not col.unique and not col.indexed)

    def remove_indexed(self):
        return self._remove(lambda col: col.indexed or col.unique)

    def remove_foreign_key(self):
        return self._remove(lambda col: col.kind == "fk")

    def _rename(self, wanted):
        mod, col = self.pick(lambda mod, col: wanted(col) and not col.used)
        if col is None:
            return None
        old, col.name = col.name, self.next("renamed_")
        return [m.RenameField(mod.name, old, col.name)]

    def rename_plain(self):
        return self._rename(lambda col: col.kind != "fk")

    def rename_foreign_key(self):
        return self._rename(lambda col: col.kind == "fk")

    def null_to_not_null(self):
        mod, col = self.pick(lambda _, col: col.kind != "fk" and col.null and not col.unique and not col.used)
        if col is None:
            return None
        col.null, col.dup = False, True
        return [self.alter(mod, col, "filled" if col.kind == "char" else 1)]

    def widen(self):
        mod, col = self.pick(lambda _, col: col.kind == "char")
        if col is None:
            return None
        col.size *= 2
        return [self.alter(mod, col)]

    def int_to_char(self):
        mod, col = self.pick(lambda _, col: col.kind == "int" and not col.used and col.default is None
                             and col.db_default is None)
        if col is None:
            return None
        col.kind, col.digits = "char", True
        return [self.alter(mod, col)]

    def change_default(self):
        mod, col = self.pick(lambda _, col: col.kind == "int" and col.default is not None)
        if col is None:
            return None
        col.default += 1
        return [self.alter(mod, col)]

    def unique_on_or_off(self):
        mod, col = self.pick(lambda _, col: col.kind != "fk" and not col.dup and not col.indexed)
        if col is None:
            return None
        col.unique = not col.unique
        return [self.alter(mod, col)]

    def change_on_delete(self):
        mod, col = self.pick(lambda _, col: col.kind == "fk")
        if col is None:
            return None
        col.on_delete = models.CASCADE if col.on_delete is models.SET_NULL else models.SET_NULL
        return [self.alter(mod, col)]

    def _index(self):
        mod, col = self.pick(lambda _, col: True)
        if col is None:
            return None, None, None
        col.used, name = True, self.next("index_")
        mod.indexes[name] = col.id
        return mod, col, name

    def add_index(self):
        mod, col, name = self._index()
        return mod and [m.AddIndex(mod.name, models.Index(fields=[col.name], name=name))]

    def _indexed(self):
        found = [mod for mod in self.models.values() if mod.indexes]
        mod = self.rng.choice(found) if found else None
        return mod, mod and self.rng.choice(list(mod.indexes))

    def remove_index(self):
        mod, name = self._indexed()
        if mod is None:
            return None
        del mod.indexes[name]
        return [m.RemoveIndex(mod.name, name)]

    def rename_index(self):
        mod, old = self._indexed()
        if mod is None:
            return None
        name = self.next("index_")
        mod.indexes[name] = mod.indexes.pop(old)
        return [m.RenameIndex(mod.name, new_name=name, old_name=old)]

    def add_constraint(self):
        mod, col = self.pick(lambda _, col: col.kind == "int" or col.kind == "char" and not col.dup)
        if col is None:
            return None
        col.used, name = True, self.next("constraint_")
        mod.constraints[name] = col.id
        if col.kind == "int":
            made = models.CheckConstraint(condition=models.Q(**{f"{col.name}__gte": 0}), name=name)
        else:
            made = models.UniqueConstraint(fields=[col.name], name=name)
        return [m.AddConstraint(mod.name, made)]

    def remove_constraint(self):
        found = [mod for mod in self.models.values() if mod.constraints]
        if not found:
            return None
        mod = self.rng.choice(found)
        name = self.rng.choice(list(mod.constraints))
        del mod.constraints[name]
        return [m.RemoveConstraint(mod.name, name)]

    def unique_together(self):
        mod, col = self.pick(lambda mod, col: not mod.together)
        if col is None:
            return None
        mod.together, col.used = True, True
        return [m.AlterUniqueTogether(mod.name, {("key", col.name)})]

    def order_with_respect(self):
        mod, col = self.pick(lambda mod, col: col.kind == "fk" and not mod.order)
        if col is None:
            return None
        mod.order, col.used = True, True
        return [m.AlterOrderWithRespectTo(mod.name, col.name)]

    def many_to_many(self):
        mod, to, name = self.any(), self.any(), self.next("many_")
        mod.pairs[name] = to.id
        return [m.AddField(mod.name, name, models.ManyToManyField(f"made.{to.name}", related_name="+"))]

    def fill_by_sql(self):
        mod, col = self.any(), self.col("char", size=60)
        sql = f'UPDATE {mod.in_sql()} SET {col.name} = "key" || \' by sql\''
        return [self.add(mod, col), m.RunSQL(sql, m.RunSQL.noop)]

    def fill_by_python(self):
        mod, col = self.any(), self.col("char", size=60)

        def fill(apps, editor, model=mod.name, name=col.name):
            for row in apps.get_model("made", model).objects.using(editor.connection.alias):
                setattr(row, name, f"{row.key} by python")
                row.save(update_fields=[name])

        return [self.add(mod, col), m.RunPython(fill, m.RunPython.noop)]

    def separate(self):
        mod, col, name = self._index()
        if mod is None:
            return None
        column = col.name + ("_id" if col.kind == "fk" else "")
        return [m.SeparateDatabaseAndState(
            [m.RunSQL(f"CREATE INDEX {name} ON {mod.in_sql()} ({column})", m.RunSQL.noop)],
            [m.AddIndex(mod.name, models.Index(fields=[col.name], name=name))],
        )]


KINDS = [
    "create_model", "delete_model", "rename_model", "alter_model_table", "add_nullable", "add_with_default",
    "add_not_null_once", "add_unique", "add_foreign_key", "add_called_default", "add_db_default", "remove_plain",
    "remove_indexed", "remove_foreign_key", "rename_plain", "rename_foreign_key", "null_to_not_null", "widen",
    "int_to_char", "change_default", "unique_on_or_off", "change_on_delete", "add_index", "remove_index",
    "rename_index", "add_constraint", "remove_constraint", "unique_together", "order_with_respect",
    "many_to_many", "fill_by_sql", "fill_by_python", "separate",
]

CALLED = itertools.count(1)


def called():
    """A default that is another value each time, and on each machine."""
    return f"called {next(CALLED)}"


def chain(rng):
    """The migrations' names and operations, and the schema after each of them."""
    world = World(rng)
    first = [world.create("Maker", [world.col("char")])]
    maker = list(world.models)[0]
    first.append(world.create("Part", [
        world.col("char"), world.col("int"), world.col("char", indexed=True),
        world.col("fk", target=maker, on_delete=models.CASCADE),
    ]))
    part = list(world.models)[1]
    first.append(world.create("Sale", [world.col("int"), world.col("fk", target=part)]))
    told, versions = [("0001_first", first)], [copy.deepcopy(world.models)]
    for number in range(2, 2 + rng.randint(3, 8)):
        while True:
            kind = rng.choice(KINDS)
            before = copy.deepcopy(world.models)
            if made := getattr(world, kind)():
                break
            world.models = before
        told.append((f"{number:04}_{kind}", made))
        versions.append(copy.deepcopy(world.models))
    return told, versions
