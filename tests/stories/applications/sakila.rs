//! Sakila: a shop that lends films.

use super::Application;

pub(super) const SAKILA: Application = Application {
    schema: include_str!("../../schemas/sakila.sql"),
    rows: include_str!("../../schemas/rows/sakila.sql"),
    functions: super::none,
    guessed: &["film_text.film_id=film"],
    added: &[],
    named: &[],
    alone: &[],
    aside: &[],
    loose: &[],
    untold: &[],
    each: "INSERT INTO language (name, last_update) VALUES ('Language WHO', '');
         INSERT INTO category (name, last_update) VALUES ('Category WHO', '');
         INSERT INTO actor (first_name, last_name, last_update) VALUES ('Actor', 'WHO', '');
         INSERT INTO film (title, language_id, original_language_id, last_update)
         SELECT 'Film WHO', max(language_id), max(language_id), '' FROM language;
         INSERT INTO film_actor (actor_id, film_id, last_update) SELECT max(actor_id), (SELECT max(film_id) FROM film), '' FROM actor;
         INSERT INTO film_category (film_id, category_id, last_update)
         SELECT max(film_id), (SELECT max(category_id) FROM category), '' FROM film",
    apart: [
        "INSERT INTO country (country) VALUES ('Deutschland');
         INSERT INTO city (city, country_id, last_update) SELECT 'Lübeck', max(country_id), '' FROM country;
         INSERT INTO address (address, district, city_id, phone, last_update)
         SELECT 'Holstenstraße 1', 'SH', max(city_id), '0451', '' FROM city;
         INSERT INTO customer (store_id, first_name, last_name, address_id, active, create_date, last_update)
         SELECT 1, 'Jörg', 'Möwe', max(address_id), '1', '2026-01-05', '' FROM address;
         INSERT INTO rental (rental_date, inventory_id, customer_id, staff_id, last_update)
         SELECT '2026-01-05 10:00:00', 100, max(customer_id), 2, '' FROM customer;
         INSERT INTO payment (customer_id, staff_id, rental_id, amount, payment_date, last_update)
         SELECT customer_id, staff_id, rental_id, 6.99, rental_date, '' FROM rental
         WHERE rental_date = '2026-01-05 10:00:00';
         INSERT INTO film (title, language_id, last_update) VALUES ('Untold', 6, ''), ('Ebbe und Flut', 6, '');
         INSERT INTO film_text (film_id, title) SELECT film_id, title FROM film WHERE title = 'Ebbe und Flut';
         UPDATE rental SET return_date = '2026-01-05' WHERE return_date IS NULL AND inventory_id <= 45",
        "INSERT INTO film (title, description, language_id, original_language_id, rental_rate, rating, special_features, last_update)
         VALUES ('Küstennebel', 'Fog, and who comes out of it', 2, 6, 3.5, 'PG-13', 'Behind the Scenes', '');
         INSERT INTO film_text (film_id, title, description)
         SELECT film_id, title, description FROM film WHERE title = 'Küstennebel';
         INSERT INTO actor (first_name, last_name, last_update) VALUES ('Greta', 'Gøl', '');
         INSERT INTO film_actor (actor_id, film_id, last_update)
         SELECT actor_id, (SELECT max(film_id) FROM film), '' FROM actor WHERE first_name IN ('Greta', 'Anna', 'Bnna');
         INSERT INTO film_category (film_id, category_id, last_update) SELECT max(film_id), 16, '' FROM film;
         INSERT INTO inventory (film_id, store_id, last_update)
         SELECT (SELECT max(film_id) FROM film), store_id, '' FROM store;
         INSERT INTO rental (rental_date, inventory_id, customer_id, staff_id, last_update)
         SELECT '2026-01-05 10:00:00', max(inventory_id), 7, 1, '' FROM inventory;
         UPDATE film SET rental_rate = rental_rate + 0.5 WHERE rating = 'NC-17' AND title LIKE 'The Wader%'",
        "DELETE FROM rental WHERE rental_id = 50;
         DELETE FROM film_actor WHERE actor_id = 20;
         DELETE FROM actor WHERE actor_id = 20;
         INSERT INTO address (address, district, city_id, phone, last_update) VALUES ('北 2', '北', 21, '011', '');
         INSERT INTO staff (first_name, last_name, address_id, store_id, username, last_update)
         SELECT 'Rin', 'Kita', max(address_id), 1, 'rin', '' FROM address;
         UPDATE store SET manager_staff_id = (SELECT staff_id FROM staff WHERE username = 'rin') WHERE store_id = 1;
         INSERT INTO payment (customer_id, staff_id, rental_id, amount, payment_date, last_update)
         SELECT 3, staff_id, 31, 1, '2026-01-05', '' FROM staff WHERE username = 'rin';
         DELETE FROM film_text WHERE film_id = 12",
    ],
    end: &[
        ("SELECT group_concat(name || ' in ' || city || ', ' || country) FROM customer_list WHERE name LIKE 'Jörg%'",
         "Jörg Möwe in Lübeck, Deutschland"),
        ("SELECT group_concat(said, ', ') FROM (
              SELECT f.title || ' to ' || c.first_name || ' by ' || s.first_name || ' for ' || ifnull(p.amount, 0) AS said
              FROM rental r JOIN inventory i USING (inventory_id) JOIN film f USING (film_id)
              JOIN customer c USING (customer_id) JOIN staff s ON s.staff_id = r.staff_id
              LEFT JOIN payment p USING (rental_id)
              WHERE r.rental_date = '2026-01-05 10:00:00' ORDER BY 1)",
         "Küstennebel to Cléo 7 by Mika for 0, The Wader 34 to Jörg by Joni for 6.99"),
        ("SELECT group_concat(said, ', ') FROM (
              SELECT category || ' ' || price || ' ' || actors AS said FROM film_list WHERE title = 'Küstennebel' ORDER BY 1)",
         "Travel 3.5 Anna Last1, Travel 3.5 Bnna Last2, Travel 3.5 Greta Gøl"),
        ("SELECT group_concat(f.title || ' ' || t.description) FROM film_text t JOIN film f USING (film_id)
          WHERE t.title = 'Küstennebel'", "Küstennebel Fog, and who comes out of it"),
        ("SELECT CAST(count(*) AS TEXT) FROM film_text t JOIN film f ON f.film_id = t.film_id AND f.title = t.title", "41"),
        ("SELECT group_concat(manager || ' ' || store, '; ') FROM (SELECT manager, store FROM sales_by_store ORDER BY 1)",
         "Mika Hill Canada City 1,Canada; Rin Kita 日本 City 3,日本"),
        // Its rental was deleted, and the payment stays without one; rentals 30, 60 and 90 had none from the start.
        ("SELECT CAST(count(*) AS TEXT) FROM payment WHERE rental_id IS NULL", "4"),
        ("SELECT CAST(count(*) AS TEXT) FROM rental WHERE return_date = '2026-01-05'", "5"),
    ],
    own_numbers: "SELECT group_concat(rental_id) FROM (SELECT rental_id FROM rental
                  WHERE rental_date = '2026-01-05 10:00:00' ORDER BY return_date, staff_id)",
};
