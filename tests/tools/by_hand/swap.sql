-- Two columns change their names with each other.
BEGIN;
ALTER TABLE parts RENAME COLUMN note TO other;
ALTER TABLE parts RENAME COLUMN shelf TO note;
ALTER TABLE parts RENAME COLUMN other TO shelf;
COMMIT;
