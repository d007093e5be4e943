-- Made-up rows for Sakila: 20 actors, 40 films, 2 stores, 120 inventory rows, 30 customers, 90 rentals and payments.
-- Stores and staff refer to each other.
PRAGMA defer_foreign_keys = ON;
INSERT INTO country (country_id, country, last_update)
VALUES (1, 'Canada', '2026-01-01'), (2, 'Österreich', '2026-01-01'), (6, '日本', '2026-01-01');
INSERT INTO city (city_id, city, country_id, last_update)
SELECT country_id * 3 + k.value, country || ' City ' || k.value, country_id, '2026-01-01'
FROM country, json_each('[1, 2, 3]') k;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 34)
INSERT INTO address (address_id, address, address2, district, city_id, postal_code, phone, last_update)
SELECT
    i, i || ' Quay Street', CASE WHEN i % 7 = 0 THEN '' END, 'D' || (i % 4),
    (SELECT city_id FROM city WHERE city_id % 9 = i % 9),
    CASE WHEN i % 5 > 0 THEN '0' || (1000 + i) END, '555-01' || i, '2026-01-01'
FROM n;
INSERT INTO staff (staff_id, first_name, last_name, address_id, picture, email, store_id, username, password, last_update)
VALUES
    (1, 'Mika', 'Hill', 1, x'89504e470d0a1a0a00ff', 'mika@lend.example', 1, 'mika', '8cb2237d', '2026-01-01'),
    (2, 'Joni', 'Steen', 2, NULL, NULL, 2, 'joni', NULL, '2026-01-01');
INSERT INTO store (store_id, manager_staff_id, address_id, last_update)
VALUES (1, 2, 3, '2026-01-01'), (2, 1, 4, '2026-01-01');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30)
INSERT INTO customer (customer_id, store_id, first_name, last_name, email, address_id, active, create_date, last_update)
SELECT
    i, 1 + i % 2, 'Cléo ' || i, 'Smith', CASE WHEN i % 3 > 0 THEN 'c' || i || '@mail.example' END, 4 + i,
    CASE WHEN i % 6 = 0 THEN '0' ELSE '1' END, '2025-02-14 22:04:36', '2026-01-01'
FROM n;
INSERT INTO language (language_id, name, last_update)
VALUES (1, 'English', '2026-01-01'), (2, 'Italiano', '2026-01-01'), (6, 'Deutsch', '2026-01-01');
INSERT INTO category (category_id, name, last_update)
VALUES (1, 'Action', '2026-01-01'), (2, 'Animation', '2026-01-01'), (3, 'Drama', '2026-01-01'), (16, 'Travel', '2026-01-01');
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20)
INSERT INTO actor (actor_id, first_name, last_name, last_update)
SELECT i, substr('ABCDEFGHIJKLMNOPQRST', i, 1) || 'nna', 'Last' || (i % 6), '2026-01-01' FROM n;
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40),
    rating (i, word) AS (VALUES (0, 'G'), (1, 'PG'), (2, 'PG-13'), (3, 'R'), (4, 'NC-17'))
INSERT INTO film (
    film_id, title, description, release_year, language_id, original_language_id, rental_duration, rental_rate,
    length, replacement_cost, rating, special_features, last_update
)
SELECT
    n.i, 'The Wader ' || n.i, CASE WHEN n.i % 4 > 0 THEN 'A quiet tale of shore no. ' || n.i END, 2000 + n.i % 20,
    CASE n.i % 3 WHEN 0 THEN 6 ELSE n.i % 3 END, CASE WHEN n.i % 8 = 0 THEN 2 END, 3 + n.i % 5,
    CASE n.i % 3 WHEN 0 THEN 0.99 WHEN 1 THEN 2.99 ELSE 5 END, 80 + n.i, 9.99 + n.i, rating.word,
    CASE n.i % 3 WHEN 0 THEN 'Trailers,Deleted Scenes' WHEN 1 THEN 'Commentaries' END, '2026-01-01'
FROM n JOIN rating ON rating.i = n.i % 5;
INSERT INTO film_text (film_id, title, description) SELECT film_id, title, description FROM film;
INSERT INTO film_actor (actor_id, film_id, last_update)
SELECT actor_id, film_id, '2026-01-01' FROM film JOIN actor ON actor_id % 8 = film_id % 8;
INSERT INTO film_category (film_id, category_id, last_update)
SELECT film_id, CASE film_id % 4 WHEN 0 THEN 16 ELSE film_id % 4 END, '2026-01-01' FROM film;
INSERT INTO inventory (film_id, store_id, last_update)
SELECT film_id, 1 + (film_id + k.value) % 2, '2026-01-01' FROM film, json_each('[1, 2, 3]') k ORDER BY film_id, k.value;
INSERT INTO rental (rental_date, inventory_id, customer_id, return_date, staff_id, last_update)
SELECT
    datetime('2025-05-24 22:53:30', '+' || (inventory_id * 7) || ' hours'), inventory_id, 1 + inventory_id % 30,
    CASE WHEN inventory_id % 9 > 0 THEN datetime('2025-05-28', '+' || (inventory_id * 7) || ' hours') END,
    1 + inventory_id % 2, '2026-01-01'
FROM inventory WHERE inventory_id <= 90;
INSERT INTO payment (customer_id, staff_id, rental_id, amount, payment_date, last_update)
SELECT
    customer_id, staff_id, CASE WHEN rental_id % 30 > 0 THEN rental_id END,
    CASE WHEN rental_id % 2 = 0 THEN 4 ELSE 2.99 END, rental_date, '2026-01-01'
FROM rental;
