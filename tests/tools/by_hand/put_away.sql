-- A new table under the old name; the old one is put away and kept, in case of need.
PRAGMA foreign_keys = OFF;
-- Otherwise sales would refer to the table that is put away.
PRAGMA legacy_alter_table = ON;
BEGIN;
ALTER TABLE parts RENAME TO parts_before;
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
SELECT id, code, name, count, note, maker FROM parts_before;
COMMIT;
