-- Sakila: a shop that lends films. The tables, columns, types, keys, CHECKs, references, triggers and
-- views of its port to SQLite; the text is our own, and so are all rows.
--
-- What is hard in it: two triggers on each table write the time into the row that was just written;
-- stores and staff refer to each other; keys of two references with a column beside them; INT columns
-- that refer to INTEGER keys; DECIMAL columns, texts in BLOB columns; a UNIQUE index with a date and
-- two references; film_text, whose key is another table's number and refers to nothing.

CREATE TABLE actor (
    actor_id INTEGER NOT NULL,
    first_name VARCHAR(45) NOT NULL,
    last_name VARCHAR(45) NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (actor_id)
);
CREATE INDEX idx_actor_last_name ON actor (last_name);
CREATE TRIGGER actor_trigger_ai AFTER INSERT ON actor BEGIN
    UPDATE actor SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER actor_trigger_au AFTER UPDATE ON actor BEGIN
    UPDATE actor SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE country (
    country_id INTEGER NOT NULL,
    country VARCHAR(50) NOT NULL,
    last_update TIMESTAMP,
    PRIMARY KEY (country_id)
);
CREATE TRIGGER country_trigger_ai AFTER INSERT ON country BEGIN
    UPDATE country SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER country_trigger_au AFTER UPDATE ON country BEGIN
    UPDATE country SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE city (
    city_id INTEGER NOT NULL,
    city VARCHAR(50) NOT NULL,
    country_id INT NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (city_id),
    CONSTRAINT fk_city_country FOREIGN KEY (country_id)
        REFERENCES country (country_id) ON DELETE NO ACTION ON UPDATE CASCADE
);
CREATE INDEX idx_fk_country_id ON city (country_id);
CREATE TRIGGER city_trigger_ai AFTER INSERT ON city BEGIN
    UPDATE city SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER city_trigger_au AFTER UPDATE ON city BEGIN
    UPDATE city SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE address (
    address_id INTEGER NOT NULL,
    address VARCHAR(50) NOT NULL,
    address2 VARCHAR(50) DEFAULT NULL,
    district VARCHAR(20) NOT NULL,
    city_id INT NOT NULL,
    postal_code VARCHAR(10) DEFAULT NULL,
    phone VARCHAR(20) NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (address_id),
    CONSTRAINT fk_address_city FOREIGN KEY (city_id)
        REFERENCES city (city_id) ON DELETE NO ACTION ON UPDATE CASCADE
);
CREATE INDEX idx_fk_city_id ON address (city_id);
CREATE TRIGGER address_trigger_ai AFTER INSERT ON address BEGIN
    UPDATE address SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER address_trigger_au AFTER UPDATE ON address BEGIN
    UPDATE address SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE language (
    language_id INTEGER NOT NULL,
    name CHAR(20) NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (language_id)
);
CREATE TRIGGER language_trigger_ai AFTER INSERT ON language BEGIN
    UPDATE language SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER language_trigger_au AFTER UPDATE ON language BEGIN
    UPDATE language SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE category (
    category_id INTEGER NOT NULL,
    name VARCHAR(25) NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (category_id)
);
CREATE TRIGGER category_trigger_ai AFTER INSERT ON category BEGIN
    UPDATE category SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER category_trigger_au AFTER UPDATE ON category BEGIN
    UPDATE category SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE customer (
    customer_id INTEGER NOT NULL,
    store_id INT NOT NULL,
    first_name VARCHAR(45) NOT NULL,
    last_name VARCHAR(45) NOT NULL,
    email VARCHAR(50) DEFAULT NULL,
    address_id INT NOT NULL,
    active CHAR(1) DEFAULT 'Y' NOT NULL,
    create_date TIMESTAMP NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (customer_id),
    CONSTRAINT fk_customer_store FOREIGN KEY (store_id)
        REFERENCES store (store_id) ON DELETE NO ACTION ON UPDATE CASCADE,
    CONSTRAINT fk_customer_address FOREIGN KEY (address_id)
        REFERENCES address (address_id) ON DELETE NO ACTION ON UPDATE CASCADE
);
CREATE INDEX idx_customer_fk_store_id ON customer (store_id);
CREATE INDEX idx_customer_fk_address_id ON customer (address_id);
CREATE INDEX idx_customer_last_name ON customer (last_name);
CREATE TRIGGER customer_trigger_ai AFTER INSERT ON customer BEGIN
    UPDATE customer SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER customer_trigger_au AFTER UPDATE ON customer BEGIN
    UPDATE customer SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE film (
    film_id INTEGER NOT NULL,
    title VARCHAR(255) NOT NULL,
    description BLOB SUB_TYPE TEXT DEFAULT NULL,
    release_year VARCHAR(4) DEFAULT NULL,
    language_id INT NOT NULL,
    original_language_id INT DEFAULT NULL,
    rental_duration SMALLINT DEFAULT 3 NOT NULL,
    rental_rate DECIMAL(4,2) DEFAULT 4.99 NOT NULL,
    length SMALLINT DEFAULT NULL,
    replacement_cost DECIMAL(5,2) DEFAULT 19.99 NOT NULL,
    rating VARCHAR(10) DEFAULT 'G',
    special_features VARCHAR(100) DEFAULT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (film_id),
    CONSTRAINT CHECK_special_features CHECK (
        special_features IS NULL
        OR special_features LIKE '%Trailers%' OR special_features LIKE '%Commentaries%'
        OR special_features LIKE '%Deleted Scenes%' OR special_features LIKE '%Behind the Scenes%'
    ),
    CONSTRAINT CHECK_special_rating CHECK (rating IN ('G', 'PG', 'PG-13', 'R', 'NC-17')),
    CONSTRAINT fk_film_language FOREIGN KEY (language_id) REFERENCES language (language_id),
    CONSTRAINT fk_film_language_original FOREIGN KEY (original_language_id)
        REFERENCES language (language_id)
);
CREATE INDEX idx_fk_language_id ON film (language_id);
CREATE INDEX idx_fk_original_language_id ON film (original_language_id);
CREATE TRIGGER film_trigger_ai AFTER INSERT ON film BEGIN
    UPDATE film SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER film_trigger_au AFTER UPDATE ON film BEGIN
    UPDATE film SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE film_actor (
    actor_id INT NOT NULL,
    film_id INT NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (actor_id, film_id),
    CONSTRAINT fk_film_actor_actor FOREIGN KEY (actor_id)
        REFERENCES actor (actor_id) ON DELETE NO ACTION ON UPDATE CASCADE,
    CONSTRAINT fk_film_actor_film FOREIGN KEY (film_id)
        REFERENCES film (film_id) ON DELETE NO ACTION ON UPDATE CASCADE
);
CREATE INDEX idx_fk_film_actor_film ON film_actor (film_id);
CREATE INDEX idx_fk_film_actor_actor ON film_actor (actor_id);
CREATE TRIGGER film_actor_trigger_ai AFTER INSERT ON film_actor BEGIN
    UPDATE film_actor SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER film_actor_trigger_au AFTER UPDATE ON film_actor BEGIN
    UPDATE film_actor SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE film_category (
    film_id INT NOT NULL,
    category_id INT NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (film_id, category_id),
    CONSTRAINT fk_film_category_film FOREIGN KEY (film_id)
        REFERENCES film (film_id) ON DELETE NO ACTION ON UPDATE CASCADE,
    CONSTRAINT fk_film_category_category FOREIGN KEY (category_id)
        REFERENCES category (category_id) ON DELETE NO ACTION ON UPDATE CASCADE
);
CREATE INDEX idx_fk_film_category_film ON film_category (film_id);
CREATE INDEX idx_fk_film_category_category ON film_category (category_id);
CREATE TRIGGER film_category_trigger_ai AFTER INSERT ON film_category BEGIN
    UPDATE film_category SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER film_category_trigger_au AFTER UPDATE ON film_category BEGIN
    UPDATE film_category SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE film_text (
    film_id INTEGER NOT NULL,
    title VARCHAR(255) NOT NULL,
    description BLOB SUB_TYPE TEXT,
    PRIMARY KEY (film_id)
);

CREATE TABLE inventory (
    inventory_id INTEGER NOT NULL,
    film_id INT NOT NULL,
    store_id INT NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (inventory_id),
    CONSTRAINT fk_inventory_store FOREIGN KEY (store_id)
        REFERENCES store (store_id) ON DELETE NO ACTION ON UPDATE CASCADE,
    CONSTRAINT fk_inventory_film FOREIGN KEY (film_id)
        REFERENCES film (film_id) ON DELETE NO ACTION ON UPDATE CASCADE
);
CREATE INDEX idx_fk_film_id ON inventory (film_id);
CREATE INDEX idx_fk_film_id_store_id ON inventory (store_id, film_id);
CREATE TRIGGER inventory_trigger_ai AFTER INSERT ON inventory BEGIN
    UPDATE inventory SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER inventory_trigger_au AFTER UPDATE ON inventory BEGIN
    UPDATE inventory SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE staff (
    staff_id INTEGER NOT NULL,
    first_name VARCHAR(45) NOT NULL,
    last_name VARCHAR(45) NOT NULL,
    address_id INT NOT NULL,
    picture BLOB DEFAULT NULL,
    email VARCHAR(50) DEFAULT NULL,
    store_id INT NOT NULL,
    active SMALLINT DEFAULT 1 NOT NULL,
    username VARCHAR(16) NOT NULL,
    password VARCHAR(40) DEFAULT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (staff_id),
    CONSTRAINT fk_staff_store FOREIGN KEY (store_id)
        REFERENCES store (store_id) ON DELETE NO ACTION ON UPDATE CASCADE,
    CONSTRAINT fk_staff_address FOREIGN KEY (address_id)
        REFERENCES address (address_id) ON DELETE NO ACTION ON UPDATE CASCADE
);
CREATE INDEX idx_fk_staff_store_id ON staff (store_id);
CREATE INDEX idx_fk_staff_address_id ON staff (address_id);
CREATE TRIGGER staff_trigger_ai AFTER INSERT ON staff BEGIN
    UPDATE staff SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER staff_trigger_au AFTER UPDATE ON staff BEGIN
    UPDATE staff SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE store (
    store_id INTEGER NOT NULL,
    manager_staff_id INT NOT NULL,
    address_id INT NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (store_id),
    CONSTRAINT fk_store_staff FOREIGN KEY (manager_staff_id) REFERENCES staff (staff_id),
    CONSTRAINT fk_store_address FOREIGN KEY (address_id) REFERENCES address (address_id)
);
CREATE INDEX idx_store_fk_manager_staff_id ON store (manager_staff_id);
CREATE INDEX idx_fk_store_address ON store (address_id);
CREATE TRIGGER store_trigger_ai AFTER INSERT ON store BEGIN
    UPDATE store SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER store_trigger_au AFTER UPDATE ON store BEGIN
    UPDATE store SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE payment (
    payment_id INTEGER NOT NULL,
    customer_id INT NOT NULL,
    staff_id INT NOT NULL,
    rental_id INT DEFAULT NULL,
    amount DECIMAL(5,2) NOT NULL,
    payment_date TIMESTAMP NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (payment_id),
    CONSTRAINT fk_payment_rental FOREIGN KEY (rental_id)
        REFERENCES rental (rental_id) ON DELETE SET NULL ON UPDATE CASCADE,
    CONSTRAINT fk_payment_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id),
    CONSTRAINT fk_payment_staff FOREIGN KEY (staff_id) REFERENCES staff (staff_id)
);
CREATE INDEX idx_fk_staff_id ON payment (staff_id);
CREATE INDEX idx_fk_customer_id ON payment (customer_id);
CREATE TRIGGER payment_trigger_ai AFTER INSERT ON payment BEGIN
    UPDATE payment SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER payment_trigger_au AFTER UPDATE ON payment BEGIN
    UPDATE payment SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE TABLE rental (
    rental_id INTEGER NOT NULL,
    rental_date TIMESTAMP NOT NULL,
    inventory_id INT NOT NULL,
    customer_id INT NOT NULL,
    return_date TIMESTAMP DEFAULT NULL,
    staff_id INT NOT NULL,
    last_update TIMESTAMP NOT NULL,
    PRIMARY KEY (rental_id),
    CONSTRAINT fk_rental_staff FOREIGN KEY (staff_id) REFERENCES staff (staff_id),
    CONSTRAINT fk_rental_inventory FOREIGN KEY (inventory_id)
        REFERENCES inventory (inventory_id),
    CONSTRAINT fk_rental_customer FOREIGN KEY (customer_id) REFERENCES customer (customer_id)
);
CREATE INDEX idx_rental_fk_inventory_id ON rental (inventory_id);
CREATE INDEX idx_rental_fk_customer_id ON rental (customer_id);
CREATE INDEX idx_rental_fk_staff_id ON rental (staff_id);
CREATE UNIQUE INDEX idx_rental_uq ON rental (rental_date, inventory_id, customer_id);
CREATE TRIGGER rental_trigger_ai AFTER INSERT ON rental BEGIN
    UPDATE rental SET last_update = datetime('now') WHERE rowid = new.rowid;
END;
CREATE TRIGGER rental_trigger_au AFTER UPDATE ON rental BEGIN
    UPDATE rental SET last_update = datetime('now') WHERE rowid = new.rowid;
END;

CREATE VIEW customer_list AS
SELECT
    u.customer_id AS ID,
    u.first_name || ' ' || u.last_name AS name,
    a.address AS address,
    a.postal_code AS zip_code,
    a.phone AS phone,
    c.city AS city,
    k.country AS country,
    CASE WHEN u.active = 1 THEN 'active' ELSE '' END AS notes,
    u.store_id AS SID
FROM customer u
JOIN address a USING (address_id)
JOIN city c USING (city_id)
JOIN country k USING (country_id);

CREATE VIEW film_list AS
SELECT
    f.film_id AS FID,
    f.title AS title,
    f.description AS description,
    g.name AS category,
    f.rental_rate AS price,
    f.length AS length,
    f.rating AS rating,
    p.first_name || ' ' || p.last_name AS actors
FROM category g
LEFT JOIN film_category fg ON fg.category_id = g.category_id
LEFT JOIN film f ON f.film_id = fg.film_id
JOIN film_actor fp ON fp.film_id = f.film_id
JOIN actor p ON p.actor_id = fp.actor_id;

CREATE VIEW staff_list AS
SELECT
    s.staff_id AS ID,
    s.first_name || ' ' || s.last_name AS name,
    a.address AS address,
    a.postal_code AS zip_code,
    a.phone AS phone,
    c.city AS city,
    k.country AS country,
    s.store_id AS SID
FROM staff s
JOIN address a USING (address_id)
JOIN city c USING (city_id)
JOIN country k USING (country_id);

CREATE VIEW sales_by_store AS
SELECT
    s.store_id,
    c.city || ',' || k.country AS store,
    m.first_name || ' ' || m.last_name AS manager,
    sum(p.amount) AS total_sales
FROM payment p
JOIN rental r ON r.rental_id = p.rental_id
JOIN inventory i ON i.inventory_id = r.inventory_id
JOIN store s ON s.store_id = i.store_id
JOIN address a ON a.address_id = s.address_id
JOIN city c ON c.city_id = a.city_id
JOIN country k ON k.country_id = c.country_id
JOIN staff m ON m.staff_id = s.manager_staff_id
GROUP BY s.store_id, c.city || ',' || k.country, m.first_name || ' ' || m.last_name;

CREATE VIEW sales_by_film_category AS
SELECT g.name AS category, sum(p.amount) AS total_sales
FROM payment p
JOIN rental r ON r.rental_id = p.rental_id
JOIN inventory i ON i.inventory_id = r.inventory_id
JOIN film_category fg ON fg.film_id = i.film_id
JOIN category g ON g.category_id = fg.category_id
GROUP BY g.name;
