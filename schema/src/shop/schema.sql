-- The parts shop: what an application of some years' standing keeps. It was not designed for syncing.
--
-- It has on purpose what shops have: keys that each machine counts for itself, a number that is used
-- again after a delete (orders), composite keys, a barcode that is UNIQUE, and references that cascade,
-- empty themselves or forbid. Its CHECKs look at one row only, so two rows that were each possible on
-- the machine that wrote them are possible everywhere.

CREATE TABLE suppliers (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    town TEXT
);

CREATE TABLE parts (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    barcode     TEXT NOT NULL UNIQUE,             -- thirteen digits (EAN-13) as printed on the box
    price_cents INTEGER NOT NULL CHECK (price_cents > 0),
    weight_kg   REAL,                             -- NULL: nobody has weighed it
    supplier_id INTEGER REFERENCES suppliers (id) ON DELETE SET NULL
);

-- Where the stock lies. A part may lie on several shelves; its stock is their sum.
CREATE TABLE bins (
    part_id  INTEGER NOT NULL REFERENCES parts (id) ON DELETE CASCADE,
    shelf    TEXT NOT NULL,
    quantity INTEGER NOT NULL DEFAULT 0 CHECK (quantity >= 0),
    PRIMARY KEY (part_id, shelf)
) WITHOUT ROWID;

CREATE TABLE customers (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    town        TEXT,
    referred_by INTEGER REFERENCES customers (id) ON DELETE SET NULL
);

CREATE TABLE orders (
    id          INTEGER PRIMARY KEY,              -- without AUTOINCREMENT: the last number comes back
    customer_id INTEGER NOT NULL REFERENCES customers (id) ON DELETE RESTRICT,
    clerk       TEXT NOT NULL,
    placed_at   TEXT NOT NULL                     -- YYYY-MM-DD HH:MM:SS
);

CREATE TABLE order_lines (
    order_id    INTEGER NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    line        INTEGER NOT NULL,                 -- from 1
    part_id     INTEGER NOT NULL REFERENCES parts (id) ON DELETE RESTRICT,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    price_cents INTEGER NOT NULL,                 -- each, on the day
    PRIMARY KEY (order_id, line)
);

CREATE TABLE payments (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    order_id     INTEGER NOT NULL REFERENCES orders (id), -- a paid order is not deleted unnoticed
    amount_cents INTEGER NOT NULL,
    method       TEXT NOT NULL CHECK (method IN ('card', 'cash', 'invoice'))
);

-- "Whose orders are these?" and "what refers to this row?", asked at each delete.
CREATE INDEX orders_by_customer ON orders (customer_id);
CREATE INDEX order_lines_by_part ON order_lines (part_id);
CREATE INDEX payments_by_order ON payments (order_id);
