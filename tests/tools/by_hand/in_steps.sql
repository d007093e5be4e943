-- A new table under the old name, filled piece by piece, each piece for itself; then the old one is dropped.
PRAGMA foreign_keys = OFF;
PRAGMA legacy_alter_table = ON;
ALTER TABLE parts RENAME TO parts_going;
CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    remark TEXT,
    colour TEXT,
    minimum INTEGER NOT NULL DEFAULT 0,
    maker INTEGER NOT NULL REFERENCES makers ON DELETE CASCADE
);
INSERT INTO parts (id, code, name, count, remark, maker)
SELECT id, code, name, count, note, maker FROM parts_going WHERE id % 3 = 0;
INSERT INTO parts (id, code, name, count, remark, maker)
SELECT id, code, name, count, note, maker FROM parts_going WHERE id % 3 = 1;
INSERT INTO parts (id, code, name, count, remark, maker)
SELECT id, code, name, count, note, maker FROM parts_going WHERE id % 3 = 2;
DROP TABLE parts_going;
