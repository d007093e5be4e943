-- Made-up rows for calibre: 40 books by 12 authors, with what belongs to them.
INSERT INTO library_id (uuid) VALUES ('6f3f1a0e-0d4a-4a9b-8a55-9a3c5a1f7c11');
INSERT INTO preferences (key, val) VALUES ('bools_are_tristate', 'true'), ('news_to_be_synced', '[]');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12)
INSERT INTO authors (id, name, sort)
SELECT i, 'Åse ' || substr('ABCDEFGHIJKL', i, 1) || '. Lind', substr('ABCDEFGHIJKL', i, 1) || '. Lind, Åse' FROM n;
INSERT INTO publishers (id, name) VALUES (1, 'Nordlys'), (4, 'Penguin & Co');
INSERT INTO series (id, name) VALUES (1, 'The Waders'), (2, 'Die Küste'), (6, 'A Year at Sea');
INSERT INTO tags (id, name) VALUES (1, 'Fiction'), (2, 'Birds'), (3, 'Reise'), (9, 'To read');
INSERT INTO languages (id, lang_code) VALUES (1, 'eng'), (2, 'deu'), (3, 'nob');
INSERT INTO ratings (id, rating) VALUES (1, 2), (2, 6), (3, 8), (4, 10), (5, 0);
INSERT INTO feeds (title, script) VALUES ('Shore news', 'class Shore: pass');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40),
    word (i, word) AS (VALUES (0, 'The Tide'), (1, 'A Winter'), (2, 'Watt'), (3, 'Élan'))
INSERT INTO books (title, series_index, author_sort, path, has_cover, timestamp, pubdate, last_modified)
SELECT
    word.word || ' ' || n.i, CASE WHEN n.i % 5 = 0 THEN 1.5 ELSE n.i % 5 END, 'Lind, Åse', 'Ase Lind/' || word.word || ' (' || n.i || ')',
    n.i % 2, datetime('2025-03-01', '+' || n.i || ' hours') || '+00:00', '0101-01-01 00:00:00+00:00',
    datetime('2025-04-01', '+' || n.i || ' hours') || '+00:00'
FROM n JOIN word ON word.i = n.i % 4 ORDER BY n.i;
INSERT INTO books_authors_link (book, author) SELECT id, 1 + id % 12 FROM books;
INSERT INTO books_authors_link (book, author) SELECT id, 1 + (id + 5) % 12 FROM books WHERE id % 10 = 0;
INSERT INTO books_languages_link (book, lang_code) SELECT id, 1 + id % 3 FROM books;
INSERT INTO books_publishers_link (book, publisher) SELECT id, CASE WHEN id % 2 = 0 THEN 1 ELSE 4 END FROM books WHERE id % 7 > 0;
INSERT INTO books_ratings_link (book, rating) SELECT id, 1 + id % 5 FROM books WHERE id % 3 > 0;
INSERT INTO books_series_link (book, series) SELECT id, CASE id % 3 WHEN 0 THEN 6 ELSE id % 3 END FROM books WHERE id % 4 > 0;
INSERT INTO books_tags_link (book, tag) SELECT b.id, t.id FROM books b JOIN tags t ON (b.id + t.id) % 4 = 0;
INSERT INTO comments (book, text) SELECT id, '<div>About ' || title || '</div>' FROM books WHERE id % 2 = 0;
INSERT INTO data (book, format, uncompressed_size, name)
SELECT b.id, k.value, 1000 * b.id, 'file ' || b.id FROM books b, json_each('["EPUB", "PDF"]') k WHERE b.id % 2 = 0 OR k.value = 'EPUB';
INSERT INTO identifiers (book, type, val) SELECT id, 'isbn', '97882' || (70000000 + id) FROM books;
INSERT INTO identifiers (book, type, val) SELECT id, 'mobi-asin', 'B0' || id FROM books WHERE id % 6 = 0;
INSERT INTO conversion_options (format, book, data) SELECT 'EPUB', id, x'80027d7101' FROM books WHERE id % 13 = 0;
INSERT INTO custom_columns (label, name, datatype, display, normalized) VALUES ('shelf', 'Shelf', 'text', '{"description": ""}', 1);
INSERT INTO custom_column_1 (value) VALUES ('Hall'), ('Attic');
INSERT INTO books_custom_column_1_link (book, value) SELECT id, 1 + id % 2 FROM books WHERE id % 4 = 0;
