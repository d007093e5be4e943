//! calibre: a library of e-books.

use rusqlite::Connection;
use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use uuid::Uuid;

use super::Application;

pub(super) const CALIBRE: Application = Application {
    schema: include_str!("../../schemas/calibre.sql"),
    rows: include_str!("../../schemas/rows/calibre.sql"),
    functions,
    guessed: &[
        "books_authors_link.author=authors",
        "books_authors_link.book=books",
        "books_custom_column_1_link.book=books",
        "books_languages_link.book=books",
        "books_publishers_link.book=books",
        "books_publishers_link.publisher=publishers",
        "books_ratings_link.book=books",
        "books_ratings_link.rating=ratings",
        "books_series_link.book=books",
        "books_series_link.series=series",
        "books_tags_link.book=books",
        "books_tags_link.tag=tags",
        "comments.book=books",
        "conversion_options.book=books",
        "data.book=books",
        "identifiers.book=books",
    ],
    // Named like another table's column, or like nothing, or without a value yet.
    added: &[
        "books_custom_column_1_link.value=custom_column_1",
        "books_languages_link.lang_code=languages",
        "books_plugin_data.book=books",
        "metadata_dirtied.book=books",
    ],
    named: &[],
    alone: &[],
    aside: &[("tags", "unique")],
    loose: &[],
    untold: &[],
    each: "INSERT INTO books (title) VALUES ('Book WHO');
         INSERT INTO publishers (name) VALUES ('Press WHO');
         INSERT INTO ratings (rating) VALUES (2 * unicode('WHO') - 193);
         INSERT INTO books_publishers_link (book, publisher) SELECT max(id), (SELECT max(id) FROM publishers) FROM books;
         INSERT INTO books_ratings_link (book, rating) SELECT max(id), (SELECT max(id) FROM ratings) FROM books;
         INSERT INTO identifiers (book, type, val) SELECT max(id), 'doi', '10.1000/WHO' FROM books;
         INSERT INTO conversion_options (format, book, data) SELECT 'PDF', max(id), x'00' FROM books",
    apart: [
        "INSERT INTO books (title, series_index, author_sort) VALUES ('The Øresund', 2, 'Strand, Maj');
         INSERT INTO authors (name, sort) VALUES ('Maj Strand', 'Strand, Maj');
         INSERT INTO tags (name) VALUES ('Strait');
         INSERT INTO books_authors_link (book, author) SELECT max(b.id), a.id FROM books b, authors a WHERE a.name = 'maj strand';
         INSERT INTO books_tags_link (book, tag) SELECT (SELECT max(id) FROM books), id FROM tags WHERE name IN ('strait', 'birds');
         INSERT INTO books_series_link (book, series) SELECT max(id), 2 FROM books;
         INSERT INTO data (book, format, uncompressed_size, name) SELECT max(id), 'EPUB', 4711, 'The Oresund' FROM books;
         INSERT INTO comments (book, text) SELECT max(id), '<p>Two shores</p>' FROM books;
         INSERT INTO languages (lang_code) VALUES ('dan');
         INSERT INTO books_languages_link (book, lang_code) SELECT (SELECT max(id) FROM books), id FROM languages WHERE lang_code = 'dan';
         INSERT INTO custom_column_1 (value) VALUES ('Boat');
         INSERT INTO books_custom_column_1_link (book, value)
         SELECT (SELECT max(id) FROM books), id FROM custom_column_1 WHERE value = 'boat';
         INSERT INTO books_plugin_data (book, name, val) SELECT max(id), 'reading', '{\"page\": 7}' FROM books;
         INSERT INTO tags (name) VALUES ('Harbour');
         INSERT INTO books_tags_link (book, tag) SELECT 6, id FROM tags WHERE name = 'harbour';
         INSERT INTO metadata_dirtied (book) SELECT max(id) FROM books",
        "INSERT INTO books (title, author_sort) VALUES ('Ebbe', 'Lind, Åse');
         INSERT INTO series (name) VALUES ('Tides');
         INSERT INTO authors (name, sort) VALUES ('Bo Vik', 'Vik, Bo');
         INSERT INTO books_authors_link (book, author) SELECT (SELECT max(id) FROM books), id FROM authors WHERE name = 'bo vik';
         INSERT INTO books_series_link (book, series) SELECT (SELECT max(id) FROM books), id FROM series WHERE name = 'tides';
         INSERT INTO books_languages_link (book, lang_code) SELECT max(id), 2 FROM books;
         INSERT INTO custom_column_1 (value) VALUES ('Cellar');
         INSERT INTO books_custom_column_1_link (book, value)
         SELECT (SELECT max(id) FROM books), id FROM custom_column_1 WHERE value = 'cellar';
         INSERT INTO tags (name) VALUES ('harbour');
         INSERT INTO books_tags_link (book, tag) SELECT 7, id FROM tags WHERE name = 'Harbour';
         DELETE FROM books WHERE title = 'watt 2'",
        "UPDATE books SET title = 'The Tide, Revised', last_modified = '2026-01-05 10:00:00+00:00' WHERE title = 'The Tide 4';
         DELETE FROM books_ratings_link WHERE book = 4;
         INSERT INTO books_ratings_link (book, rating) SELECT 4, id FROM ratings WHERE rating = 10;
         DELETE FROM books_tags_link WHERE tag = (SELECT id FROM tags WHERE name = 'to read');
         DELETE FROM tags WHERE name = 'to read';
         INSERT INTO languages (lang_code) VALUES ('swe');
         UPDATE books_languages_link SET lang_code = (SELECT id FROM languages WHERE lang_code = 'SWE') WHERE book = 8;
         UPDATE series SET name = 'Die Küsten' WHERE name = 'die küste';
         INSERT INTO books (title) VALUES ('A Third');
         INSERT INTO series (name) VALUES ('Loose Leaves');
         INSERT INTO books_series_link (book, series) SELECT (SELECT max(id) FROM books), id FROM series WHERE name = 'loose leaves'",
    ],
    end: &[
        (
            "SELECT group_concat(said, '; ') FROM (
                 SELECT title || ', ' || sort || ': ' || ifnull(authors, '-') || ': ' || ifnull(tags, '-')
                     || ': ' || ifnull(series, '-') || ': ' || ifnull(formats, '-') || ' ' || ifnull(size, 0) || ' ' || ifnull(rating, 0)
                     AS said
                 FROM meta WHERE title IN ('The Øresund', 'Ebbe', 'The Tide, Revised', 'A Third') ORDER BY 1)",
            "A Third, Third, A: -: -: Loose Leaves: - 0 0; Ebbe, Ebbe: Bo Vik: -: Tides: - 0 0; \
             The Tide, Revised, Tide, Revised, The: Åse E. Lind: -: -: EPUB, PDF 4000 10; \
             The Øresund, Øresund, The: Maj Strand: Birds, Strait: Die Küsten: EPUB 4711 0",
        ),
        // The uuid that a book got where it was made is its uuid everywhere, and each has one.
        ("SELECT count(*) || ' ' || count(DISTINCT uuid) || ' ' || min(length(uuid)) FROM books", "45 45 36"),
        ("SELECT group_concat(name || ' ' || sort, ', ') FROM (SELECT name, sort FROM series ORDER BY name)",
         "A Year at Sea A Year at Sea, Die Küsten Die Küsten, Loose Leaves Loose Leaves, The Waders The Waders, Tides Tides"),
        // Two people made one tag apart: two rows, of which the later one is shown under another name until they are made one.
        (
            "SELECT group_concat(name, ', ') FROM (
                 SELECT lower(substr(name, 1, 7)) || CASE WHEN name LIKE '%~%' THEN ' beside' ELSE '' END || ': ' || b.title AS name
                 FROM tags t JOIN books_tags_link l ON l.tag = t.id JOIN books b ON b.id = l.book
                 WHERE name LIKE 'harbour%' ORDER BY 1)",
            "harbour beside: Élan 7, harbour: Watt 6",
        ),
        (
            "SELECT group_concat(name, ', ') FROM (SELECT name FROM tags WHERE name NOT LIKE 'harbour%' ORDER BY name)",
            "Birds, Fiction, Reise, Strait",
        ),
        ("SELECT group_concat(title || ' ' || lang_code, ', ') FROM (
              SELECT b.title, g.lang_code FROM books b JOIN books_languages_link l ON l.book = b.id
              JOIN languages g ON g.id = l.lang_code WHERE b.title IN ('Ebbe', 'The Tide 8', 'The Øresund') ORDER BY 1)",
         "Ebbe deu, The Tide 8 swe, The Øresund dan"),
        (
            "SELECT group_concat(said) FROM (
                 SELECT b.title || ' ' || c.value AS said FROM books b JOIN books_custom_column_1_link l ON l.book = b.id
                 JOIN custom_column_1 c ON c.id = l.value WHERE b.title IN ('Ebbe', 'The Øresund') ORDER BY 1)",
            "Ebbe Cellar,The Øresund Boat",
        ),
        ("SELECT group_concat(p.val || c.text) FROM books b JOIN books_plugin_data p ON p.book = b.id
          JOIN comments c ON c.book = b.id JOIN metadata_dirtied d ON d.book = b.id", "{\"page\": 7}<p>Two shores</p>"),
        // What belonged to the book that was deleted went with it, by the trigger of the application.
        ("SELECT CAST(count(*) AS TEXT) FROM identifiers WHERE val = '9788270000002'", "0"),
    ],
    own_numbers: "SELECT group_concat(id) FROM (SELECT id FROM books WHERE title IN ('The Øresund', 'Ebbe') ORDER BY title)",
};

/// What calibre's own connections have.
fn functions(db: &Connection) {
    let plain = FunctionFlags::SQLITE_UTF8;
    db.create_scalar_function("title_sort", 1, plain, |call| {
        let title: String = call.get(0)?;
        Ok(["The ", "A ", "An "]
            .into_iter()
            .find_map(|article| {
                Some(format!("{}, {}", title.strip_prefix(article)?, article.trim()))
            })
            .unwrap_or(title))
    })
    .unwrap();
    db.create_scalar_function("uuid4", 0, plain, |_| Ok(Uuid::new_v4().to_string())).unwrap();
    db.create_scalar_function("books_list_filter", 1, plain, |_| Ok(true)).unwrap();
    db.create_aggregate_function("concat", 1, plain, Listed(", ")).unwrap();
    db.create_aggregate_function("sortconcat", 2, plain, Listed(" & ")).unwrap();
}

/// Joins names, sorted; by their numbers, where these are given.
struct Listed(&'static str);

impl Aggregate<Vec<(i64, String)>, Option<String>> for Listed {
    fn init(&self, _: &mut Context<'_>) -> rusqlite::Result<Vec<(i64, String)>> {
        Ok(Vec::new())
    }

    fn step(&self, call: &mut Context<'_>, names: &mut Vec<(i64, String)>) -> rusqlite::Result<()> {
        let number = if call.len() == 2 { call.get(0)? } else { 0 };
        names.push((number, call.get(call.len() - 1)?));
        Ok(())
    }

    fn finalize(
        &self,
        _: &mut Context<'_>,
        names: Option<Vec<(i64, String)>>,
    ) -> rusqlite::Result<Option<String>> {
        let mut names = names.unwrap_or_default();
        names.sort();
        let names: Vec<String> = names.into_iter().map(|(_, name)| name).collect();
        Ok((!names.is_empty()).then(|| names.join(self.0)))
    }
}
