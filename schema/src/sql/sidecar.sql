-- The sidecar: what Dunlin keeps in the application's file, beside the tables that it tracks.
--
-- Plain on purpose: a SQLite of 2018 (3.24) must still open the file, so no STRICT, no generated columns.
-- Row uuids are 16-byte blobs; stamps 48 bits of milliseconds and 16 of counter; origins numbers of _dunlin_origin.

-- Whose file this is, and the counters that are never given twice.
CREATE TABLE IF NOT EXISTS _dunlin_meta (
    key   TEXT PRIMARY KEY,
    value
) WITHOUT ROWID;

-- The tables that we know by name, tracked here or not.
CREATE TABLE IF NOT EXISTS _dunlin_table (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    name    TEXT NOT NULL UNIQUE COLLATE NOCASE,
    tracked INTEGER NOT NULL DEFAULT 0,          -- 1: has triggers; 0: only heard of, its rows are held;
                                                 -- 2: a person let it go, its rows are kept and passed on;
                                                 -- 3: the same of one that was not tracked before
    naming  TEXT,                                -- 'natural' where the person said so
    copies  INTEGER NOT NULL DEFAULT 0,          -- 1: rows that were there are named by key alone
    rows    INTEGER NOT NULL DEFAULT 0,          -- live versions
    digest  BLOB,                                -- sum of the hashes of the live versions
    first   TEXT COLLATE NOCASE,                 -- what the shop calls it, where that is not name: its rows are named by it
    declared TEXT,                               -- the statements that made it and its indexes, when it was last looked at
    changed INTEGER NOT NULL DEFAULT 0,          -- lines of the log up to this one were written before that look
    remade  INTEGER NOT NULL DEFAULT 0,          -- the same of the look that last found it made anew
    away    INTEGER NOT NULL DEFAULT 0,          -- 1: it is not here, or not whole yet; 2: it needs what only its
                                                 -- application has: nothing is written to it
    ghosts  INTEGER NOT NULL DEFAULT 0,          -- 1: rows that went when it was made anew are to be found
    again   INTEGER,                             -- its rows from this position on are to be settled again
    stamped TEXT                                 -- the column that says when rows were written that were there at first
);

-- References that the file does not declare, and those that the application does not keep.
CREATE TABLE IF NOT EXISTS _dunlin_reference (
    child  TEXT NOT NULL COLLATE NOCASE,
    column TEXT NOT NULL COLLATE NOCASE,
    parent TEXT COLLATE NOCASE,                  -- NULL: a declared reference that is loose; '': a person said that
                                                 -- the column is no reference
    PRIMARY KEY (child, column)
) WITHOUT ROWID;

-- What the triggers append: one line a change, in the order of the writes. The fold empties it but for one blank
-- line, from which the numbers go on: AUTOINCREMENT would cost each write of the application one page more.
CREATE TABLE IF NOT EXISTS _dunlin_log (
    n    INTEGER PRIMARY KEY,                    -- never given twice
    tbl  INTEGER NOT NULL,
    kind INTEGER NOT NULL,                       -- 0 blank 1 insert 2 update 3 delete 4/5 key changed from/to 6 look at 7 was there 8 found 9 listed
    t    INTEGER,                                -- milliseconds, by the clock of whoever wrote
    k0, k1, k2, k3, k4, k5, k6, k7               -- the key, as stored
);

-- One entry a row: the latest version known here. In the order of pos it is the journal.
CREATE TABLE IF NOT EXISTS _dunlin_row (
    pos      INTEGER PRIMARY KEY,                -- when it arrived here; moves to the end with each new version
    uuid     BLOB NOT NULL,
    tbl      INTEGER NOT NULL,
    key,                                         -- its place in the table; NULL when it has none
    stamp    INTEGER NOT NULL,
    origin   INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    state    INTEGER NOT NULL,                   -- 0 shown as its version 1 shown otherwise 2 held 3 tombstone 4 tombstone whose row lingers
    digest   INTEGER NOT NULL,
    number   INTEGER,                            -- the number its origin gave it, where key does not say so
    seen     BLOB,                               -- the last seq of every other origin in its past
    together INTEGER NOT NULL,                   -- entries of one number arrived together
    via      INTEGER,                            -- the link it came over; NULL: made here
    shape    INTEGER,                            -- the columns that the version speaks of; NULL: its table's first
    own      INTEGER,                            -- the version's digest, where the row has parts: then digest is the state's
    called                                       -- what the uuid column says that names the row; a tombstone keeps it
);

-- "What do we hold of this row?"
CREATE UNIQUE INDEX IF NOT EXISTS _dunlin_row_uuid ON _dunlin_row (uuid);
-- "Which row stands at this key?"
CREATE INDEX IF NOT EXISTS _dunlin_row_place ON _dunlin_row (tbl, key);
-- It was a partial one, at which Prisma's engine stops.
DROP INDEX IF EXISTS _dunlin_row_key;

-- The values of versions that the table does not show as they are.
CREATE TABLE IF NOT EXISTS _dunlin_kept (
    n     INTEGER PRIMARY KEY AUTOINCREMENT,     -- what `held retry N` names; below 0: of a table that was let go
    uuid  BLOB NOT NULL UNIQUE,
    cells BLOB,                                  -- the version's values; NULL when they were left out (size)
    shown BLOB,                                  -- the columns that show something else, and what
    why   INTEGER NOT NULL,
    text  TEXT,                                  -- what SQLite or the schema says, for people
    size  INTEGER,                               -- of values that were left out
    since INTEGER NOT NULL,
    via   INTEGER
);
-- "How many wait, and for what?", asked whenever somebody looks, and "which deletes wait for a person?".
CREATE INDEX IF NOT EXISTS _dunlin_kept_why ON _dunlin_kept (why);

-- Which kept rows wait for what: a parent's row uuid, or a claimed value of a UNIQUE.
CREATE TABLE IF NOT EXISTS _dunlin_waits (
    on_what BLOB NOT NULL,
    uuid    BLOB NOT NULL,
    PRIMARY KEY (on_what, uuid)
) WITHOUT ROWID;
-- "What did this row wait for?", asked when it is settled anew.
CREATE INDEX IF NOT EXISTS _dunlin_waits_by_row ON _dunlin_waits (uuid);

-- The last values of rows whose tombstone came from elsewhere: RESTRICT and undo need them. Of a row in a table that
-- was let go, with a newer version: what the table showed last.
CREATE TABLE IF NOT EXISTS _dunlin_old (
    uuid  BLOB PRIMARY KEY NOT NULL,
    cells BLOB NOT NULL
);

-- Deletes that came over links: of each table, by the hour, by the machine that the link is to or that wrote them.
CREATE TABLE IF NOT EXISTS _dunlin_deletes (
    machine BLOB NOT NULL,
    tbl     INTEGER NOT NULL,
    hour    INTEGER NOT NULL,
    rows    INTEGER NOT NULL,
    PRIMARY KEY (machine, tbl, hour)
) WITHOUT ROWID;

-- Numbers promised to parents that are not here (loose references).
CREATE TABLE IF NOT EXISTS _dunlin_reserved (
    tbl    INTEGER NOT NULL,
    number INTEGER NOT NULL,
    uuid   BLOB NOT NULL UNIQUE,
    PRIMARY KEY (tbl, number)
) WITHOUT ROWID;

-- Origins by number, so that an entry is small.
CREATE TABLE IF NOT EXISTS _dunlin_origin (
    id      INTEGER PRIMARY KEY,
    machine BLOB NOT NULL,
    epoch   INTEGER NOT NULL,
    UNIQUE (machine, epoch)
);

-- Knowledge: up to which seq of an origin everything is stored here.
CREATE TABLE IF NOT EXISTS _dunlin_know (
    origin INTEGER PRIMARY KEY,
    seq    INTEGER NOT NULL
);

-- The highest seq of an origin that ever came in a page: nobody's word lifts our knowledge above it.
CREATE TABLE IF NOT EXISTS _dunlin_taken (
    origin INTEGER PRIMARY KEY,
    seq    INTEGER NOT NULL
);

-- Marks of the chain of an origin's versions: the last and thinned older ones.
CREATE TABLE IF NOT EXISTS _dunlin_mark (
    origin INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    mark   BLOB NOT NULL,
    PRIMARY KEY (origin, seq)
) WITHOUT ROWID;

-- How far we have read the journals of others.
CREATE TABLE IF NOT EXISTS _dunlin_cursor (
    origin INTEGER PRIMARY KEY,                  -- whose journal: machine and epoch
    pos    INTEGER NOT NULL
);

-- Versions that a sender withheld because they are ahead of our clock.
CREATE TABLE IF NOT EXISTS _dunlin_again (
    sender INTEGER NOT NULL,
    pos    INTEGER NOT NULL,                     -- in the sender's journal; no later than there
    time   INTEGER NOT NULL,
    origin INTEGER NOT NULL,
    seq    INTEGER NOT NULL,
    row    BLOB NOT NULL,
    skew   INTEGER NOT NULL,                     -- how far the sender's clock was ahead when it said so
    PRIMARY KEY (sender, pos, origin, seq)
) WITHOUT ROWID;

-- When the journal stood where, about once a minute: "what arrived here after that time?"
CREATE TABLE IF NOT EXISTS _dunlin_arrival (
    time INTEGER PRIMARY KEY,
    pos  INTEGER NOT NULL
);

-- The conflict journal: what lost. A tracked table like any other, so the whole shop has it.
CREATE TABLE IF NOT EXISTS _dunlin_conflict (
    n      INTEGER PRIMARY KEY AUTOINCREMENT,    -- what `conflicts restore N` names, here only
    uuid   TEXT NOT NULL UNIQUE,
    tbl    TEXT NOT NULL,
    row    TEXT NOT NULL,
    origin TEXT NOT NULL,                        -- of the loser
    seq    INTEGER NOT NULL,
    stamp  INTEGER NOT NULL,
    cells  BLOB,                                 -- the loser's values; NULL: a delete lost
    settled TEXT                                 -- NULL: nobody has looked at it
);

-- Columns by number. A column keeps its number, and its id: the name by which the shop first knew it.
CREATE TABLE IF NOT EXISTS _dunlin_column (
    number   INTEGER PRIMARY KEY,
    tbl      INTEGER NOT NULL,
    id       TEXT NOT NULL,                      -- in lower case
    here     TEXT,                               -- what it is called in the table here; NULL: it is not in it
    declared TEXT,                               -- its type there, when it was last looked at
    was      TEXT,                               -- and before that last changed
    proven   INTEGER NOT NULL DEFAULT 0,         -- 1: it was there from the start, or was seen to become this
    since    INTEGER NOT NULL DEFAULT 0,         -- lines of the log up to this one were written before it was first seen
    lost     INTEGER NOT NULL DEFAULT 0,         -- entries up to this position have no value of it, unless one is kept
    fill     BLOB,                               -- what the upgrade here put where nobody had an opinion
    did      INTEGER NOT NULL DEFAULT 0,         -- what it did as a reference whose parent went: 1 emptied, 2 the row went too;
    until    INTEGER NOT NULL DEFAULT 0,         -- in lines of the log up to this one
    UNIQUE (tbl, id)
);

-- Shapes: the columns that a version speaks of, each set once.
CREATE TABLE IF NOT EXISTS _dunlin_shape (
    id      INTEGER PRIMARY KEY,                 -- the least of a table is that of entries that say none
    tbl     INTEGER NOT NULL,
    columns BLOB NOT NULL,                       -- their numbers, sorted
    UNIQUE (tbl, columns)
);

-- What a row's state holds beside a version that wrote all of its cells, all of which the table shows.
CREATE TABLE IF NOT EXISTS _dunlin_part (
    uuid   BLOB PRIMARY KEY NOT NULL,
    dots   BLOB,                                 -- own cells that the table does not say, those written earlier, what their writer saw
    beside BLOB                                  -- cells beside the version, and the latest tombstone that lost
) WITHOUT ROWID;

-- Rows of which a value is not here: each partner is asked for them by name.
CREATE TABLE IF NOT EXISTS _dunlin_ask (
    n    INTEGER PRIMARY KEY AUTOINCREMENT,
    uuid BLOB NOT NULL UNIQUE
);

-- Facts: what machines have seen happen to the columns and names of tables. Only grows.
CREATE TABLE IF NOT EXISTS _dunlin_fact (
    tbl  TEXT NOT NULL,                          -- what the shop calls the table, in lower case
    what BLOB NOT NULL,
    at   INTEGER NOT NULL DEFAULT 0,             -- when it was first known here
    PRIMARY KEY (tbl, what)
) WITHOUT ROWID;
