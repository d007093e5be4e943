-- Records: one line per session that moved a row or failed.
--
-- Never synced and never trusted: it is this machine's own memory of what it did with whom.
CREATE TABLE record (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,  -- counts up; never used twice, so paging by it holds
    partner        TEXT NOT NULL,     -- machine id of the partner, a UUID
    partner_name   TEXT NOT NULL,     -- its name at that time; a label
    direction      TEXT NOT NULL,     -- 'dialled' or 'answered': who opened the link
    started        INTEGER NOT NULL,  -- milliseconds since 1970, UTC, by our clock
    took_ms        INTEGER NOT NULL,
    rows_sent      INTEGER NOT NULL,
    rows_received  INTEGER NOT NULL,
    applied        INTEGER NOT NULL,  -- rows of theirs that changed a table here
    held           INTEGER NOT NULL,  -- rows of theirs that are known and cannot be shown yet
    conflicts      INTEGER NOT NULL,  -- rows of which two versions met; the loser is kept
    bytes_sent     INTEGER NOT NULL,
    bytes_received INTEGER NOT NULL,
    result         TEXT NOT NULL,     -- 'success', 'warning', 'error' or 'fatal'
    message        TEXT NOT NULL,     -- one sentence for a person; empty when all went well
    idle           INTEGER NOT NULL   -- successful sessions before this one, since the record before, that moved no row
);

-- "What happened with this partner lately?"
CREATE INDEX record_by_partner ON record (partner, id);

-- "What happened at noon?", and "what is too old?"
CREATE INDEX record_by_time ON record (started);

-- Idle: per partner, the sessions that moved no row since its last record.
--
-- A daemon that is level with its partner has one such session a minute. Counting them shows that
-- it was awake; keeping them would bury the rest.
CREATE TABLE idle (
    partner TEXT PRIMARY KEY,
    count   INTEGER NOT NULL,
    last    INTEGER NOT NULL          -- when the latest of them ended, milliseconds since 1970
) WITHOUT ROWID;
