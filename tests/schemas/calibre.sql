-- calibre: a library of e-books, its file metadata.db. The tables, columns, types, keys, indexes and
-- triggers of the script that makes one, and three of its views; the text is our own, and so are all
-- rows.
--
-- What is hard in it: no reference is declared, triggers keep them instead; a new book gets its `sort`
-- and `uuid` from functions that only the application has; names that are UNIQUE without regard to
-- case; link tables with a number of their own beside a UNIQUE pair, some with a UNIQUE book alone;
-- `lang_code` is a text in one table and a number that refers to it in another; `NON NULL`, which
-- SQLite reads as a part of the type; texts in double quotes.

CREATE TABLE authors (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL COLLATE NOCASE,
    sort TEXT COLLATE NOCASE,
    link TEXT NOT NULL DEFAULT "",
    UNIQUE (name)
);

CREATE TABLE books (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL DEFAULT 'Unknown' COLLATE NOCASE,
    sort TEXT COLLATE NOCASE,
    timestamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    pubdate TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    series_index REAL NOT NULL DEFAULT 1.0,
    author_sort TEXT COLLATE NOCASE,
    isbn TEXT DEFAULT "" COLLATE NOCASE,
    lccn TEXT DEFAULT "" COLLATE NOCASE,
    path TEXT NOT NULL DEFAULT "",
    flags INTEGER NOT NULL DEFAULT 1,
    uuid TEXT,
    has_cover BOOL DEFAULT 0,
    last_modified TIMESTAMP NOT NULL DEFAULT "2000-01-01 00:00:00+00:00"
);
CREATE INDEX authors_idx ON books (author_sort COLLATE NOCASE);
CREATE INDEX books_idx ON books (sort COLLATE NOCASE);

CREATE TABLE books_authors_link (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL,
    author INTEGER NOT NULL,
    UNIQUE (book, author)
);
CREATE INDEX books_authors_link_aidx ON books_authors_link (author);
CREATE INDEX books_authors_link_bidx ON books_authors_link (book);

CREATE TABLE books_languages_link (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL,
    lang_code INTEGER NOT NULL,
    item_order INTEGER NOT NULL DEFAULT 0,
    UNIQUE (book, lang_code)
);
CREATE INDEX books_languages_link_aidx ON books_languages_link (lang_code);
CREATE INDEX books_languages_link_bidx ON books_languages_link (book);

CREATE TABLE books_publishers_link (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL,
    publisher INTEGER NOT NULL,
    UNIQUE (book)
);
CREATE INDEX books_publishers_link_aidx ON books_publishers_link (publisher);
CREATE INDEX books_publishers_link_bidx ON books_publishers_link (book);

CREATE TABLE books_ratings_link (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL,
    rating INTEGER NOT NULL,
    UNIQUE (book, rating)
);
CREATE INDEX books_ratings_link_aidx ON books_ratings_link (rating);
CREATE INDEX books_ratings_link_bidx ON books_ratings_link (book);

CREATE TABLE books_series_link (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL,
    series INTEGER NOT NULL,
    UNIQUE (book)
);
CREATE INDEX books_series_link_aidx ON books_series_link (series);
CREATE INDEX books_series_link_bidx ON books_series_link (book);

CREATE TABLE books_tags_link (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL,
    tag INTEGER NOT NULL,
    UNIQUE (book, tag)
);
CREATE INDEX books_tags_link_aidx ON books_tags_link (tag);
CREATE INDEX books_tags_link_bidx ON books_tags_link (book);

CREATE TABLE books_plugin_data (
    id INTEGER PRIMARY KEY,
    book INTEGER NON NULL,
    name TEXT NON NULL,
    val TEXT NON NULL,
    UNIQUE (book, name)
);

CREATE TABLE comments (
    id INTEGER PRIMARY KEY,
    book INTEGER NON NULL,
    text TEXT NON NULL COLLATE NOCASE,
    UNIQUE (book)
);
CREATE INDEX comments_idx ON comments (book);

CREATE TABLE conversion_options (
    id INTEGER PRIMARY KEY,
    format TEXT NOT NULL COLLATE NOCASE,
    book INTEGER,
    data BLOB NOT NULL,
    UNIQUE (format, book)
);
CREATE INDEX conversion_options_idx_a ON conversion_options (format COLLATE NOCASE);
CREATE INDEX conversion_options_idx_b ON conversion_options (book);

CREATE TABLE custom_columns (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    label TEXT NOT NULL,
    name TEXT NOT NULL,
    datatype TEXT NOT NULL,
    mark_for_delete BOOL DEFAULT 0 NOT NULL,
    editable BOOL DEFAULT 1 NOT NULL,
    display TEXT DEFAULT "{}" NOT NULL,
    is_multiple BOOL DEFAULT 0 NOT NULL,
    normalized BOOL NOT NULL,
    UNIQUE (label)
);
CREATE INDEX custom_columns_idx ON custom_columns (label);

CREATE TABLE data (
    id INTEGER PRIMARY KEY,
    book INTEGER NON NULL,
    format TEXT NON NULL COLLATE NOCASE,
    uncompressed_size INTEGER NON NULL,
    name TEXT NON NULL,
    UNIQUE (book, format)
);
CREATE INDEX data_idx ON data (book);
CREATE INDEX formats_idx ON data (format);

CREATE TABLE feeds (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    script TEXT NOT NULL,
    UNIQUE (title)
);

CREATE TABLE identifiers (
    id INTEGER PRIMARY KEY,
    book INTEGER NON NULL,
    type TEXT NON NULL DEFAULT "isbn" COLLATE NOCASE,
    val TEXT NON NULL COLLATE NOCASE,
    UNIQUE (book, type)
);

CREATE TABLE languages (
    id INTEGER PRIMARY KEY,
    lang_code TEXT NON NULL COLLATE NOCASE,
    UNIQUE (lang_code)
);
CREATE INDEX languages_idx ON languages (lang_code COLLATE NOCASE);

CREATE TABLE library_id (
    id INTEGER PRIMARY KEY,
    uuid TEXT NOT NULL,
    UNIQUE (uuid)
);

CREATE TABLE metadata_dirtied (
    id INTEGER PRIMARY KEY,
    book INTEGER NOT NULL,
    UNIQUE (book)
);

CREATE TABLE preferences (
    id INTEGER PRIMARY KEY,
    key TEXT NON NULL,
    val TEXT NON NULL,
    UNIQUE (key)
);

CREATE TABLE publishers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL COLLATE NOCASE,
    sort TEXT COLLATE NOCASE,
    UNIQUE (name)
);
CREATE INDEX publishers_idx ON publishers (name COLLATE NOCASE);

CREATE TABLE ratings (
    id INTEGER PRIMARY KEY,
    rating INTEGER CHECK (rating > -1 AND rating < 11),
    UNIQUE (rating)
);

CREATE TABLE series (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL COLLATE NOCASE,
    sort TEXT COLLATE NOCASE,
    UNIQUE (name)
);
CREATE INDEX series_idx ON series (name COLLATE NOCASE);

CREATE TABLE tags (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL COLLATE NOCASE,
    UNIQUE (name)
);
CREATE INDEX tags_idx ON tags (name COLLATE NOCASE);

-- A column of the user's own, as the application makes one when it is asked for.
CREATE TABLE custom_column_1 (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    value TEXT NOT NULL COLLATE NOCASE,
    UNIQUE (value)
);
CREATE INDEX custom_column_1_idx ON custom_column_1 (value COLLATE NOCASE);
CREATE TABLE books_custom_column_1_link (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    book INTEGER NOT NULL,
    value INTEGER NOT NULL,
    UNIQUE (book, value)
);
CREATE INDEX books_custom_column_1_link_aidx ON books_custom_column_1_link (value);
CREATE INDEX books_custom_column_1_link_bidx ON books_custom_column_1_link (book);

CREATE TRIGGER books_delete_trg AFTER DELETE ON books BEGIN
    DELETE FROM books_authors_link WHERE book = OLD.id;
    DELETE FROM books_publishers_link WHERE book = OLD.id;
    DELETE FROM books_ratings_link WHERE book = OLD.id;
    DELETE FROM books_series_link WHERE book = OLD.id;
    DELETE FROM books_tags_link WHERE book = OLD.id;
    DELETE FROM books_languages_link WHERE book = OLD.id;
    DELETE FROM data WHERE book = OLD.id;
    DELETE FROM comments WHERE book = OLD.id;
    DELETE FROM conversion_options WHERE book = OLD.id;
    DELETE FROM books_plugin_data WHERE book = OLD.id;
    DELETE FROM identifiers WHERE book = OLD.id;
END;

CREATE TRIGGER books_insert_trg AFTER INSERT ON books BEGIN
    UPDATE books SET sort = title_sort(NEW.title), uuid = uuid4() WHERE id = NEW.id;
END;

CREATE TRIGGER books_update_trg AFTER UPDATE ON books BEGIN
    UPDATE books SET sort = title_sort(NEW.title) WHERE id = NEW.id AND OLD.title <> NEW.title;
END;

CREATE TRIGGER series_insert_trg AFTER INSERT ON series BEGIN
    UPDATE series SET sort = NEW.name WHERE id = NEW.id;
END;

CREATE TRIGGER series_update_trg AFTER UPDATE ON series BEGIN
    UPDATE series SET sort = NEW.name WHERE id = NEW.id;
END;

CREATE TRIGGER fkc_comments_insert BEFORE INSERT ON comments BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_comments_update BEFORE UPDATE OF book ON comments BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_data_insert BEFORE INSERT ON data BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_data_update BEFORE UPDATE OF book ON data BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_insert_books_authors_link BEFORE INSERT ON books_authors_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
    SELECT raise(ABORT, 'no such row in authors')
    WHERE NOT EXISTS (SELECT 1 FROM authors WHERE id = NEW.author);
END;

CREATE TRIGGER fkc_update_books_authors_link_a BEFORE UPDATE OF book ON books_authors_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_update_books_authors_link_b BEFORE UPDATE OF author ON books_authors_link BEGIN
    SELECT raise(ABORT, 'no such row in authors')
    WHERE NOT EXISTS (SELECT 1 FROM authors WHERE id = NEW.author);
END;

CREATE TRIGGER fkc_delete_on_authors BEFORE DELETE ON authors BEGIN
    SELECT raise(ABORT, 'authors: a book still has it')
    WHERE EXISTS (SELECT 1 FROM books_authors_link WHERE author = OLD.id);
END;

CREATE TRIGGER fkc_insert_books_publishers_link BEFORE INSERT ON books_publishers_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
    SELECT raise(ABORT, 'no such row in publishers')
    WHERE NOT EXISTS (SELECT 1 FROM publishers WHERE id = NEW.publisher);
END;

CREATE TRIGGER fkc_update_books_publishers_link_a BEFORE UPDATE OF book ON books_publishers_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_update_books_publishers_link_b BEFORE UPDATE OF publisher ON books_publishers_link BEGIN
    SELECT raise(ABORT, 'no such row in publishers')
    WHERE NOT EXISTS (SELECT 1 FROM publishers WHERE id = NEW.publisher);
END;

CREATE TRIGGER fkc_delete_on_publishers BEFORE DELETE ON publishers BEGIN
    SELECT raise(ABORT, 'publishers: a book still has it')
    WHERE EXISTS (SELECT 1 FROM books_publishers_link WHERE publisher = OLD.id);
END;

CREATE TRIGGER fkc_insert_books_ratings_link BEFORE INSERT ON books_ratings_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
    SELECT raise(ABORT, 'no such row in ratings')
    WHERE NOT EXISTS (SELECT 1 FROM ratings WHERE id = NEW.rating);
END;

CREATE TRIGGER fkc_update_books_ratings_link_a BEFORE UPDATE OF book ON books_ratings_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_update_books_ratings_link_b BEFORE UPDATE OF rating ON books_ratings_link BEGIN
    SELECT raise(ABORT, 'no such row in ratings')
    WHERE NOT EXISTS (SELECT 1 FROM ratings WHERE id = NEW.rating);
END;

CREATE TRIGGER fkc_insert_books_series_link BEFORE INSERT ON books_series_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
    SELECT raise(ABORT, 'no such row in series')
    WHERE NOT EXISTS (SELECT 1 FROM series WHERE id = NEW.series);
END;

CREATE TRIGGER fkc_update_books_series_link_a BEFORE UPDATE OF book ON books_series_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_update_books_series_link_b BEFORE UPDATE OF series ON books_series_link BEGIN
    SELECT raise(ABORT, 'no such row in series')
    WHERE NOT EXISTS (SELECT 1 FROM series WHERE id = NEW.series);
END;

CREATE TRIGGER fkc_delete_on_series BEFORE DELETE ON series BEGIN
    SELECT raise(ABORT, 'series: a book still has it')
    WHERE EXISTS (SELECT 1 FROM books_series_link WHERE series = OLD.id);
END;

CREATE TRIGGER fkc_insert_books_tags_link BEFORE INSERT ON books_tags_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
    SELECT raise(ABORT, 'no such row in tags')
    WHERE NOT EXISTS (SELECT 1 FROM tags WHERE id = NEW.tag);
END;

CREATE TRIGGER fkc_update_books_tags_link_a BEFORE UPDATE OF book ON books_tags_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_update_books_tags_link_b BEFORE UPDATE OF tag ON books_tags_link BEGIN
    SELECT raise(ABORT, 'no such row in tags')
    WHERE NOT EXISTS (SELECT 1 FROM tags WHERE id = NEW.tag);
END;

CREATE TRIGGER fkc_delete_on_tags BEFORE DELETE ON tags BEGIN
    SELECT raise(ABORT, 'tags: a book still has it')
    WHERE EXISTS (SELECT 1 FROM books_tags_link WHERE tag = OLD.id);
END;

CREATE TRIGGER fkc_delete_on_languages_link BEFORE INSERT ON books_languages_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
    SELECT raise(ABORT, 'no such row in languages')
    WHERE NOT EXISTS (SELECT 1 FROM languages WHERE id = NEW.lang_code);
END;

CREATE TRIGGER fkc_update_books_languages_link_a BEFORE UPDATE OF book ON books_languages_link BEGIN
    SELECT raise(ABORT, 'no such row in books')
    WHERE NOT EXISTS (SELECT 1 FROM books WHERE id = NEW.book);
END;

CREATE TRIGGER fkc_update_books_languages_link_b BEFORE UPDATE OF lang_code ON books_languages_link BEGIN
    SELECT raise(ABORT, 'no such row in languages')
    WHERE NOT EXISTS (SELECT 1 FROM languages WHERE id = NEW.lang_code);
END;

CREATE TRIGGER fkc_delete_on_languages BEFORE DELETE ON languages BEGIN
    SELECT raise(ABORT, 'languages: a book still has it')
    WHERE EXISTS (SELECT 1 FROM books_languages_link WHERE lang_code = OLD.id);
END;

CREATE VIEW meta AS
SELECT
    id,
    title,
    (
        SELECT sortconcat(l.id, name)
        FROM books_authors_link l JOIN authors ON author = authors.id
        WHERE book = books.id
    ) authors,
    (
        SELECT name FROM publishers
        WHERE publishers.id IN (SELECT publisher FROM books_publishers_link WHERE book = books.id)
    ) publisher,
    (
        SELECT rating FROM ratings
        WHERE ratings.id IN (SELECT rating FROM books_ratings_link WHERE book = books.id)
    ) rating,
    timestamp,
    (SELECT max(uncompressed_size) FROM data WHERE book = books.id) size,
    (
        SELECT concat(name) FROM tags
        WHERE tags.id IN (SELECT tag FROM books_tags_link WHERE book = books.id)
    ) tags,
    (SELECT text FROM comments WHERE book = books.id) comments,
    (
        SELECT name FROM series
        WHERE series.id IN (SELECT series FROM books_series_link WHERE book = books.id)
    ) series,
    series_index,
    sort,
    author_sort,
    (SELECT concat(format) FROM data WHERE data.book = books.id) formats,
    isbn,
    path,
    lccn,
    pubdate,
    flags,
    uuid
FROM books;

CREATE VIEW tag_browser_series AS
SELECT
    id,
    name,
    (SELECT count(id) FROM books_series_link WHERE series = series.id) count,
    (
        SELECT avg(ratings.rating)
        FROM books_series_link s, books_ratings_link r, ratings
        WHERE s.series = series.id AND r.book = s.book
            AND ratings.id = r.rating AND ratings.rating <> 0
    ) avg_rating,
    (title_sort(name)) AS sort
FROM series;

CREATE VIEW tag_browser_filtered_tags AS
SELECT
    id,
    name,
    (
        SELECT count(books_tags_link.id) FROM books_tags_link
        WHERE tag = tags.id AND books_list_filter(book)
    ) count,
    (
        SELECT avg(ratings.rating)
        FROM books_tags_link t, books_ratings_link r, ratings
        WHERE t.tag = tags.id AND r.book = t.book
            AND ratings.id = r.rating AND ratings.rating <> 0 AND books_list_filter(r.book)
    ) avg_rating,
    name AS sort
FROM tags;
