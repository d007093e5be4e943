-- The parts shop as somebody made it with the sqlite3 program.
CREATE TABLE makers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE parts (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    count INTEGER NOT NULL,
    note TEXT,
    shelf TEXT,
    maker INTEGER NOT NULL REFERENCES makers ON DELETE CASCADE
);
CREATE TABLE sales (
    id INTEGER PRIMARY KEY,
    number TEXT NOT NULL UNIQUE,
    part INTEGER NOT NULL REFERENCES parts ON DELETE CASCADE,
    pieces INTEGER NOT NULL
);
