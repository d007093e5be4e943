-- What schemas of real applications have: texts that refer to numbers, keys without regard to case, UNIQUE with a CHECK,
-- UNIQUE over several columns, SET DEFAULT, circles, indexes that are UNIQUE beside their table, numbers below zero.
-- One part a line, so that a story that fails can be made smaller.
CREATE TABLE unit (
    code TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
    label TEXT
) WITHOUT ROWID;
CREATE TABLE customer (
    id INTEGER PRIMARY KEY,
    email TEXT UNIQUE COLLATE NOCASE,
    name VARCHAR(80) NOT NULL DEFAULT '',
    referred_by INTEGER REFERENCES customer (id) ON DELETE SET NULL,
    limit_cents INTEGER CHECK (limit_cents >= 0)
);
CREATE TABLE article (
    id INTEGER PRIMARY KEY,
    ean TEXT NOT NULL UNIQUE CHECK (length(ean) = 8 AND ean GLOB '[0-9]*'),
    unit TEXT REFERENCES unit (code) ON UPDATE CASCADE ON DELETE SET NULL,
    price DECIMAL(10, 2) NOT NULL DEFAULT 0,
    name TEXT
);
CREATE TABLE invoice (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    day TEXT NOT NULL,
    number INTEGER NOT NULL,
    customer TEXT REFERENCES customer (id) ON DELETE RESTRICT,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paid')),
    note TEXT,
    UNIQUE (day, number)
);
CREATE TABLE line (
    invoice INTEGER NOT NULL REFERENCES invoice (id) ON DELETE CASCADE ON UPDATE CASCADE,
    place INTEGER NOT NULL,
    article TEXT NOT NULL REFERENCES article (id) ON UPDATE CASCADE,
    quantity REAL,
    note TEXT,
    PRIMARY KEY (invoice, place)
) WITHOUT ROWID;
CREATE TABLE till (
    id INTEGER PRIMARY KEY,
    role TEXT NOT NULL UNIQUE CHECK (role IN ('main', 'spare', 'open')),
    note TEXT
);
CREATE TABLE payment (
    id INTEGER PRIMARY KEY,
    till INTEGER DEFAULT -1 REFERENCES till (id) ON DELETE SET DEFAULT ON UPDATE CASCADE,
    invoice INTEGER NOT NULL REFERENCES invoice (id) ON DELETE NO ACTION,
    cents INTEGER NOT NULL DEFAULT 0,
    receipt TEXT UNIQUE
);
CREATE TABLE staff (
    id INTEGER PRIMARY KEY,
    team TEXT NOT NULL REFERENCES team (name) ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED,
    note TEXT
);
CREATE TABLE team (
    name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE,
    head INTEGER NOT NULL REFERENCES staff (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    note TEXT
);
CREATE TABLE device (
    id INTEGER PRIMARY KEY,
    serial TEXT,
    customer INTEGER REFERENCES customer (id) ON DELETE CASCADE,
    is_first INTEGER NOT NULL DEFAULT 0,
    note TEXT
);
CREATE UNIQUE INDEX device_serial ON device (serial);
