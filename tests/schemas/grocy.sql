-- Grocy: what a household has at home, needs and does. 27 of its tables with their columns, types,
-- keys, UNIQUEs, CHECKs and indexes, as its migrations leave them, and the triggers and views that go
-- with these; the text is our own, and so are all rows. Some views say less than Grocy's.
--
-- What is hard in it: no reference is declared; a product has four columns for units, `qu_id_stock`
-- and the like, and one for its parent; triggers fill in what is empty, make conversions the other
-- way round, take along what belongs to a row that goes, and keep three tables of results; a number
-- refers to a row of any table, as a text, in `userfield_values.object_id`; numbers stand in a list
-- in `chores.assignment_config`; times come from DEFAULTs of the local time.
--
-- Its meal plan is left out: it names recipes by a text with a number of another table's row in it.

CREATE TABLE users (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    username TEXT NOT NULL UNIQUE,
    first_name TEXT,
    last_name TEXT,
    password TEXT NOT NULL,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    picture_file_name TEXT
);

CREATE TABLE user_settings (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    user_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    value TEXT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    row_updated_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    UNIQUE (user_id, key)
);

CREATE TABLE locations (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    is_freezer TINYINT NOT NULL DEFAULT 0,
    active TINYINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);

CREATE TABLE shopping_locations (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    active TINYINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);

CREATE TABLE product_groups (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    active TINYINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);

CREATE TABLE quantity_units (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    name_plural TEXT,
    plural_forms TEXT,
    active TINYINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);

CREATE TABLE products (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    product_group_id INTEGER,
    active TINYINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    location_id INTEGER NOT NULL,
    shopping_location_id INTEGER,
    qu_id_purchase INTEGER NOT NULL,
    qu_id_stock INTEGER NOT NULL,
    min_stock_amount INTEGER NOT NULL DEFAULT 0,
    default_best_before_days INTEGER NOT NULL DEFAULT 0,
    default_best_before_days_after_open INTEGER NOT NULL DEFAULT 0,
    default_best_before_days_after_freezing INTEGER NOT NULL DEFAULT 0,
    default_best_before_days_after_thawing INTEGER NOT NULL DEFAULT 0,
    picture_file_name TEXT,
    enable_tare_weight_handling TINYINT NOT NULL DEFAULT 0,
    tare_weight REAL NOT NULL DEFAULT 0,
    not_check_stock_fulfillment_for_recipes TINYINT DEFAULT 0,
    parent_product_id INT,
    calories INTEGER,
    cumulate_min_stock_amount_of_sub_products TINYINT DEFAULT 0,
    due_type TINYINT NOT NULL DEFAULT 1 CHECK (due_type IN (1, 2)),
    quick_consume_amount REAL NOT NULL DEFAULT 1,
    hide_on_stock_overview TINYINT NOT NULL DEFAULT 0 CHECK (hide_on_stock_overview IN (0, 1)),
    default_stock_label_type INTEGER NOT NULL DEFAULT 0,
    should_not_be_frozen TINYINT NOT NULL DEFAULT 0 CHECK (should_not_be_frozen IN (0, 1)),
    treat_opened_as_out_of_stock TINYINT NOT NULL DEFAULT 1 CHECK (treat_opened_as_out_of_stock IN (0, 1)),
    no_own_stock TINYINT NOT NULL DEFAULT 0 CHECK (no_own_stock IN (0, 1)),
    default_consume_location_id INTEGER,
    move_on_open TINYINT NOT NULL DEFAULT 0 CHECK (move_on_open IN (0, 1)),
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    qu_id_consume INTEGER,
    auto_reprint_stock_label TINYINT NOT NULL DEFAULT 0 CHECK (auto_reprint_stock_label IN (0, 1)),
    quick_open_amount REAL NOT NULL DEFAULT 1,
    qu_id_price INTEGER,
    disable_open TINYINT NOT NULL DEFAULT 0 CHECK (disable_open IN (0, 1)),
    default_purchase_price_type TINYINT NOT NULL DEFAULT 1 CHECK (default_purchase_price_type IN (1, 2, 3))
);
CREATE INDEX ix_products_performance1 ON products (parent_product_id);
CREATE INDEX ix_products_performance2 ON products (CASE WHEN parent_product_id IS NULL THEN id ELSE parent_product_id END, active);

CREATE TABLE product_barcodes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    product_id INT NOT NULL,
    barcode TEXT NOT NULL,
    qu_id INT,
    amount REAL,
    shopping_location_id INTEGER,
    last_price DECIMAL(15, 2),
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    note TEXT
);
CREATE UNIQUE INDEX ix_product_barcodes ON product_barcodes (barcode);

CREATE TABLE quantity_unit_conversions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    from_qu_id INT NOT NULL,
    to_qu_id INT NOT NULL,
    factor REAL NOT NULL,
    product_id INT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime'))
);

CREATE TABLE stock (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    product_id INTEGER NOT NULL,
    amount DECIMAL(15, 2) NOT NULL,
    best_before_date DATE,
    purchased_date DATE DEFAULT (datetime('now', 'localtime')),
    stock_id TEXT NOT NULL,
    price DECIMAL(15, 2),
    open TINYINT NOT NULL DEFAULT 0 CHECK (open IN (0, 1)),
    opened_date DATETIME,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    location_id INTEGER,
    shopping_location_id INTEGER,
    note TEXT
);
CREATE INDEX ix_stock_performance1 ON stock (product_id, open, best_before_date, amount);

CREATE TABLE stock_log (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    product_id INTEGER NOT NULL,
    amount DECIMAL(15, 2) NOT NULL,
    best_before_date DATE,
    purchased_date DATE,
    used_date DATE,
    spoiled INTEGER NOT NULL DEFAULT 0,
    stock_id TEXT NOT NULL,
    transaction_type TEXT NOT NULL,
    price DECIMAL(15, 2),
    undone TINYINT NOT NULL DEFAULT 0 CHECK (undone IN (0, 1)),
    undone_timestamp DATETIME,
    opened_date DATETIME,
    location_id INTEGER,
    recipe_id INTEGER,
    correlation_id TEXT,
    transaction_id TEXT,
    stock_row_id INTEGER,
    shopping_location_id INTEGER,
    user_id INTEGER NOT NULL,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    note TEXT
);
CREATE INDEX ix_stock_log_performance1 ON stock_log (stock_id, transaction_type, amount);
CREATE INDEX ix_stock_log_performance2 ON stock_log (product_id, best_before_date, purchased_date, transaction_type, stock_id, undone);

CREATE TABLE shopping_lists (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime'))
);

CREATE TABLE shopping_list (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    product_id INTEGER,
    note TEXT,
    amount DECIMAL(15, 2) NOT NULL DEFAULT 0,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    shopping_list_id INT DEFAULT 1,
    done INT DEFAULT 0,
    qu_id INTEGER
);

CREATE TABLE recipes (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    picture_file_name TEXT,
    base_servings INTEGER DEFAULT 1,
    desired_servings INTEGER DEFAULT 1,
    not_check_shoppinglist TINYINT NOT NULL DEFAULT 0,
    type TEXT DEFAULT 'normal',
    product_id INTEGER
);
CREATE INDEX ix_recipes ON recipes (name, type);

CREATE TABLE recipes_pos (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    recipe_id INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    amount REAL NOT NULL DEFAULT 0,
    note TEXT,
    qu_id INTEGER,
    only_check_single_unit_in_stock TINYINT NOT NULL DEFAULT 0,
    ingredient_group TEXT,
    not_check_stock_fulfillment TINYINT NOT NULL DEFAULT 0,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    variable_amount TEXT,
    price_factor REAL NOT NULL DEFAULT 1,
    round_up TINYINT NOT NULL DEFAULT 0 CHECK (round_up IN (0, 1))
);

CREATE TABLE recipes_nestings (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    recipe_id INTEGER NOT NULL,
    includes_recipe_id INTEGER NOT NULL,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    servings INTEGER DEFAULT 1,
    UNIQUE (recipe_id, includes_recipe_id)
);

CREATE TABLE chores (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    period_type TEXT NOT NULL,
    period_days INTEGER,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    period_config TEXT,
    track_date_only TINYINT DEFAULT 0,
    rollover TINYINT DEFAULT 0,
    assignment_type TEXT,
    assignment_config TEXT,
    next_execution_assigned_to_user_id INT,
    consume_product_on_execution TINYINT NOT NULL DEFAULT 0,
    product_id TINYINT,
    product_amount REAL,
    period_interval INTEGER NOT NULL DEFAULT 1 CHECK (period_interval > 0),
    active TINYINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1)),
    start_date DATETIME,
    rescheduled_date DATETIME,
    rescheduled_next_execution_assigned_to_user_id INT
);
CREATE INDEX ix_chores_performance1 ON chores (id, active);

CREATE TABLE chores_log (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    chore_id INTEGER NOT NULL,
    tracked_time DATETIME,
    done_by_user_id INTEGER,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    undone TINYINT NOT NULL DEFAULT 0 CHECK (undone IN (0, 1)),
    undone_timestamp DATETIME,
    skipped TINYINT NOT NULL DEFAULT 0 CHECK (skipped IN (0, 1)),
    scheduled_execution_time DATETIME
);
CREATE INDEX ix_chores_log_performance1 ON chores_log (chore_id, undone, tracked_time);

CREATE TABLE batteries (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    used_in TEXT,
    charge_interval_days INTEGER NOT NULL DEFAULT 0,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    active TINYINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);
CREATE INDEX ix_batteries_performance1 ON batteries (id, active);

CREATE TABLE battery_charge_cycles (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    battery_id INTEGER NOT NULL,
    tracked_time DATETIME,
    undone TINYINT NOT NULL DEFAULT 0 CHECK (undone IN (0, 1)),
    undone_timestamp DATETIME,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime'))
);

CREATE TABLE task_categories (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    active TINYINT NOT NULL DEFAULT 1 CHECK (active IN (0, 1))
);

CREATE TABLE tasks (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    name TEXT NOT NULL,
    description TEXT,
    due_date DATETIME,
    done TINYINT NOT NULL DEFAULT 0 CHECK (done IN (0, 1)),
    done_timestamp DATETIME,
    category_id INTEGER,
    assigned_to_user_id INTEGER,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime'))
);

CREATE TABLE userfields (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    entity TEXT NOT NULL,
    name TEXT NOT NULL,
    caption TEXT NOT NULL,
    type TEXT NOT NULL,
    show_as_column_in_tables TINYINT NOT NULL DEFAULT 0,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    config TEXT,
    sort_number INTEGER,
    input_required TINYINT NOT NULL DEFAULT 0 CHECK (input_required IN (0, 1)),
    default_value TEXT,
    UNIQUE (entity, name)
);

CREATE TABLE userfield_values (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    field_id INTEGER NOT NULL,
    object_id TEXT NOT NULL,
    value TEXT NOT NULL,
    row_created_timestamp DATETIME DEFAULT (datetime('now', 'localtime')),
    UNIQUE (field_id, object_id)
);

CREATE TABLE cache__products_average_price (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    product_id INT,
    price DECIMAL(15, 2),
    UNIQUE (product_id)
);

CREATE TABLE cache__products_last_purchased (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    product_id INT,
    amount DECIMAL(15, 2),
    best_before_date DATE,
    purchased_date DATE,
    price DECIMAL(15, 2),
    location_id INT,
    shopping_location_id INT,
    UNIQUE (product_id)
);

CREATE TABLE cache__quantity_unit_conversions_resolved (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT UNIQUE,
    product_id INT,
    from_qu_id INT,
    from_qu_name TEXT,
    from_qu_name_plural TEXT,
    to_qu_id INT,
    to_qu_name TEXT,
    to_qu_name_plural TEXT,
    factor TEXT,
    path TEXT
);
CREATE INDEX ix_cache__quantity_unit_conversions_resolved_performance1 ON cache__quantity_unit_conversions_resolved (product_id, from_qu_id, to_qu_id);

-- What the daemon's connection never runs: these keep the rest of the file as the application wants it.

CREATE TRIGGER set_products_default_location_if_empty_stock AFTER INSERT ON stock BEGIN
    UPDATE stock SET location_id = (SELECT p.location_id FROM products p WHERE p.id = NEW.product_id)
    WHERE id = NEW.id AND location_id IS NULL;
END;
CREATE TRIGGER set_products_default_location_if_empty_stock_log AFTER INSERT ON stock_log BEGIN
    UPDATE stock_log SET location_id = (SELECT p.location_id FROM products p WHERE p.id = NEW.product_id)
    WHERE id = NEW.id AND location_id IS NULL;
END;
CREATE TRIGGER prevent_adding_no_own_stock_products_to_stock AFTER INSERT ON stock BEGIN
    SELECT raise(ABORT, 'the product has no stock of its own')
    WHERE EXISTS (SELECT 1 FROM products WHERE id = NEW.product_id AND no_own_stock = 1);
END;

CREATE TRIGGER default_qu_INS AFTER INSERT ON product_barcodes BEGIN
    UPDATE product_barcodes SET qu_id = (SELECT p.qu_id_stock FROM products p WHERE p.id = NEW.product_id)
    WHERE id = NEW.id AND ifnull(qu_id, 0) = 0;
END;
CREATE TRIGGER default_qu_UPD AFTER UPDATE ON product_barcodes BEGIN
    UPDATE product_barcodes SET qu_id = (SELECT p.qu_id_stock FROM products p WHERE p.id = NEW.product_id)
    WHERE id = NEW.id AND ifnull(qu_id, 0) = 0;
END;
CREATE TRIGGER prevent_adding_barcodes_for_not_existing_products AFTER INSERT ON product_barcodes BEGIN
    SELECT raise(ABORT, 'no such product')
    WHERE NOT EXISTS (SELECT 1 FROM products WHERE id = NEW.product_id);
END;

CREATE TRIGGER default_qu_id_consume AFTER INSERT ON products BEGIN
    UPDATE products SET qu_id_consume = qu_id_stock WHERE id = NEW.id AND ifnull(qu_id_consume, 0) = 0;
END;
CREATE TRIGGER default_qu_id_price AFTER INSERT ON products BEGIN
    UPDATE products SET qu_id_price = qu_id_purchase WHERE id = NEW.id AND ifnull(qu_id_price, 0) = 0;
END;
CREATE TRIGGER enforce_parent_product_id_null_when_empty_INS AFTER INSERT ON products BEGIN
    UPDATE products SET parent_product_id = NULL WHERE id = NEW.id AND ifnull(parent_product_id, '') = '';
END;
CREATE TRIGGER enforce_parent_product_id_null_when_empty_UPD AFTER UPDATE ON products BEGIN
    UPDATE products SET parent_product_id = NULL WHERE id = NEW.id AND ifnull(parent_product_id, '') = '';
END;
CREATE TRIGGER enforce_min_stock_amount_for_cumulated_childs_INS AFTER INSERT ON products BEGIN
    UPDATE products SET min_stock_amount = 0
    WHERE parent_product_id = NEW.id AND NEW.cumulate_min_stock_amount_of_sub_products = 1
        AND min_stock_amount > 0;
END;
CREATE TRIGGER enforce_min_stock_amount_for_cumulated_childs_UPD AFTER UPDATE ON products BEGIN
    UPDATE products SET min_stock_amount = 0
    WHERE parent_product_id = NEW.id AND NEW.cumulate_min_stock_amount_of_sub_products = 1
        AND min_stock_amount > 0;
END;
CREATE TRIGGER enfore_product_nesting_level BEFORE UPDATE ON products BEGIN
    SELECT raise(ABORT, 'a product below another has none below itself')
    WHERE ifnull(NEW.parent_product_id, '') <> ''
        AND EXISTS (SELECT 1 FROM products WHERE parent_product_id = NEW.id);
END;
CREATE TRIGGER products_default_qu_conversions_INS AFTER INSERT ON products BEGIN
    INSERT INTO quantity_unit_conversions (from_qu_id, to_qu_id, factor, product_id)
    SELECT p.qu_id_purchase, p.qu_id_stock, 1, p.id
    FROM products p
    WHERE p.id = NEW.id AND p.qu_id_stock <> p.qu_id_purchase AND NOT EXISTS (
        SELECT 1 FROM quantity_unit_conversions_resolved r
        WHERE r.product_id = p.id AND r.from_qu_id = p.qu_id_stock AND r.to_qu_id = p.qu_id_purchase
    );
END;
CREATE TRIGGER products_INS AFTER INSERT ON products BEGIN
    DELETE FROM cache__quantity_unit_conversions_resolved WHERE product_id = NEW.id;
    INSERT INTO cache__quantity_unit_conversions_resolved (
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    )
    SELECT
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    FROM quantity_unit_conversions_resolved WHERE product_id = NEW.id;
END;
CREATE TRIGGER products_UPD AFTER UPDATE ON products BEGIN
    DELETE FROM cache__quantity_unit_conversions_resolved WHERE product_id = NEW.id;
    INSERT INTO cache__quantity_unit_conversions_resolved (
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    )
    SELECT
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    FROM quantity_unit_conversions_resolved WHERE product_id = NEW.id;
END;
CREATE TRIGGER products_DELETE AFTER DELETE ON products BEGIN
    DELETE FROM cache__quantity_unit_conversions_resolved WHERE product_id = OLD.id;
END;
CREATE TRIGGER cascade_product_removal AFTER DELETE ON products BEGIN
    DELETE FROM stock WHERE product_id = OLD.id;
    DELETE FROM stock_log WHERE product_id = OLD.id;
    DELETE FROM product_barcodes WHERE product_id = OLD.id;
    DELETE FROM quantity_unit_conversions WHERE product_id = OLD.id;
    DELETE FROM recipes_pos WHERE product_id = OLD.id;
    UPDATE recipes SET product_id = NULL WHERE product_id = OLD.id;
    DELETE FROM shopping_list WHERE product_id = OLD.id;
    DELETE FROM userfield_values
    WHERE object_id = OLD.id AND field_id IN (SELECT id FROM userfields WHERE entity = 'products');
END;

CREATE TRIGGER qu_conversions_custom_constraint_INS BEFORE INSERT ON quantity_unit_conversions BEGIN
    SELECT raise(ABORT, 'there is such a conversion')
    WHERE EXISTS (
        SELECT 1 FROM quantity_unit_conversions
        WHERE from_qu_id = NEW.from_qu_id AND to_qu_id = NEW.to_qu_id
            AND ifnull(product_id, 0) = ifnull(NEW.product_id, 0)
    );
END;
CREATE TRIGGER qu_conversions_custom_constraint_UPD BEFORE UPDATE ON quantity_unit_conversions BEGIN
    SELECT raise(ABORT, 'there is such a conversion')
    WHERE EXISTS (
        SELECT 1 FROM quantity_unit_conversions
        WHERE from_qu_id = NEW.from_qu_id AND to_qu_id = NEW.to_qu_id
            AND ifnull(product_id, 0) = ifnull(NEW.product_id, 0) AND id <> NEW.id
    );
END;
CREATE TRIGGER quantity_unit_conversions_INS AFTER INSERT ON quantity_unit_conversions BEGIN
    INSERT OR REPLACE INTO quantity_unit_conversions (from_qu_id, to_qu_id, factor, product_id)
    VALUES (NEW.to_qu_id, NEW.from_qu_id, 1 / ifnull(NEW.factor, 1), NEW.product_id);
    DELETE FROM cache__quantity_unit_conversions_resolved
    WHERE path LIKE '%/' || NEW.to_qu_id || '/%' OR path LIKE '%/' || NEW.from_qu_id || '/%';
    INSERT INTO cache__quantity_unit_conversions_resolved (
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    )
    SELECT
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    FROM quantity_unit_conversions_resolved
    WHERE path LIKE '%/' || NEW.to_qu_id || '/%' OR path LIKE '%/' || NEW.from_qu_id || '/%';
END;
CREATE TRIGGER quantity_unit_conversions_UPD AFTER UPDATE ON quantity_unit_conversions BEGIN
    UPDATE quantity_unit_conversions
    SET factor = 1 / ifnull(NEW.factor, 1), from_qu_id = NEW.to_qu_id, to_qu_id = NEW.from_qu_id
    WHERE from_qu_id = OLD.to_qu_id AND to_qu_id = OLD.from_qu_id
        AND ifnull(product_id, -1) = ifnull(NEW.product_id, -1);
    DELETE FROM cache__quantity_unit_conversions_resolved
    WHERE path LIKE '%/' || NEW.to_qu_id || '/%' OR path LIKE '%/' || NEW.from_qu_id || '/%';
    INSERT INTO cache__quantity_unit_conversions_resolved (
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    )
    SELECT
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    FROM quantity_unit_conversions_resolved
    WHERE path LIKE '%/' || NEW.to_qu_id || '/%' OR path LIKE '%/' || NEW.from_qu_id || '/%';
END;
CREATE TRIGGER quantity_unit_conversions_DEL AFTER DELETE ON quantity_unit_conversions BEGIN
    DELETE FROM quantity_unit_conversions
    WHERE from_qu_id = OLD.to_qu_id AND to_qu_id = OLD.from_qu_id
        AND ifnull(product_id, -1) = ifnull(OLD.product_id, -1);
    DELETE FROM cache__quantity_unit_conversions_resolved
    WHERE path LIKE '%/' || OLD.to_qu_id || '/%' OR path LIKE '%/' || OLD.from_qu_id || '/%';
    INSERT INTO cache__quantity_unit_conversions_resolved (
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    )
    SELECT
        product_id, from_qu_id, from_qu_name, from_qu_name_plural, to_qu_id, to_qu_name,
        to_qu_name_plural, factor, path
    FROM quantity_unit_conversions_resolved
    WHERE path LIKE '%/' || OLD.to_qu_id || '/%' OR path LIKE '%/' || OLD.from_qu_id || '/%';
END;
CREATE TRIGGER remove_conversions AFTER DELETE ON quantity_units BEGIN
    DELETE FROM quantity_unit_conversions WHERE OLD.id IN (from_qu_id, to_qu_id);
END;

CREATE TRIGGER stock_log_INS AFTER INSERT ON stock_log BEGIN
    INSERT OR REPLACE INTO cache__products_average_price (product_id, price)
    SELECT product_id, price FROM products_average_price WHERE product_id = NEW.product_id;
    INSERT OR REPLACE INTO cache__products_last_purchased (
        product_id, amount, best_before_date, purchased_date, price, location_id, shopping_location_id
    )
    SELECT product_id, amount, best_before_date, purchased_date, price, location_id, shopping_location_id
    FROM products_last_purchased WHERE product_id = NEW.product_id;
END;
CREATE TRIGGER stock_log_UPD AFTER UPDATE ON stock_log BEGIN
    INSERT OR REPLACE INTO cache__products_average_price (product_id, price)
    SELECT product_id, price FROM products_average_price WHERE product_id = NEW.product_id;
    INSERT OR REPLACE INTO cache__products_last_purchased (
        product_id, amount, best_before_date, purchased_date, price, location_id, shopping_location_id
    )
    SELECT product_id, amount, best_before_date, purchased_date, price, location_id, shopping_location_id
    FROM products_last_purchased WHERE product_id = NEW.product_id;
END;
-- It compares a product's number with the line's, in Grocy too.
CREATE TRIGGER stock_log_DEL AFTER DELETE ON stock_log BEGIN
    DELETE FROM cache__products_average_price WHERE product_id = OLD.id;
    DELETE FROM cache__products_last_purchased WHERE product_id = OLD.id;
END;

CREATE TRIGGER shopping_list_defaults_INS AFTER INSERT ON shopping_list BEGIN
    UPDATE shopping_list SET qu_id = (SELECT p.qu_id_purchase FROM products p WHERE p.id = NEW.product_id)
    WHERE id = NEW.id AND ifnull(qu_id, '') = '';
    UPDATE shopping_list SET amount = 0 WHERE id = NEW.id AND typeof(amount) NOT IN ('integer', 'real');
END;
CREATE TRIGGER shopping_list_defaults_UPD AFTER UPDATE ON shopping_list BEGIN
    UPDATE shopping_list SET qu_id = (SELECT p.qu_id_purchase FROM products p WHERE p.id = NEW.product_id)
    WHERE id = NEW.id AND ifnull(qu_id, '') = '';
    UPDATE shopping_list SET amount = 0 WHERE id = NEW.id AND typeof(amount) NOT IN ('integer', 'real');
END;
CREATE TRIGGER remove_items_from_deleted_shopping_list AFTER DELETE ON shopping_lists BEGIN
    DELETE FROM shopping_list WHERE shopping_list_id = OLD.id;
END;

CREATE TRIGGER recipes_desired_servings_default AFTER INSERT ON recipes BEGIN
    UPDATE recipes SET desired_servings = base_servings WHERE id = NEW.id;
END;
CREATE TRIGGER recipes_pos_qu_id_default AFTER INSERT ON recipes_pos BEGIN
    UPDATE recipes_pos SET qu_id = (SELECT p.qu_id_stock FROM products p WHERE p.id = NEW.product_id)
    WHERE id = NEW.id AND ifnull(qu_id, '') = '';
    SELECT raise(ABORT, 'the product has no such unit')
    WHERE NOT EXISTS (
        SELECT 1
        FROM recipes_pos i
        LEFT JOIN quantity_unit_conversions_resolved r
            ON r.product_id = i.product_id AND r.to_qu_id = i.qu_id
        WHERE i.id = NEW.id AND (r.product_id IS NOT NULL OR i.only_check_single_unit_in_stock = 1)
    );
END;
CREATE TRIGGER prevent_self_nested_recipes_INS BEFORE INSERT ON recipes_nestings BEGIN
    SELECT raise(ABORT, 'a recipe within itself') WHERE NEW.recipe_id = NEW.includes_recipe_id;
END;
CREATE TRIGGER prevent_infinite_nested_recipes_INS BEFORE INSERT ON recipes_nestings BEGIN
    SELECT raise(ABORT, 'a recipe within itself')
    WHERE EXISTS (
        SELECT 1 FROM recipes_nestings_resolved
        WHERE includes_recipe_id = NEW.recipe_id AND recipe_id = NEW.includes_recipe_id
    );
END;

CREATE TRIGGER default_start_date_when_empty_INS AFTER INSERT ON chores BEGIN
    UPDATE chores SET start_date = datetime('now', 'localtime')
    WHERE id = NEW.id AND ifnull(start_date, '') = '';
END;
CREATE TRIGGER default_start_date_when_empty_UPD AFTER UPDATE ON chores BEGIN
    UPDATE chores SET start_date = datetime('now', 'localtime')
    WHERE id = NEW.id AND ifnull(start_date, '') = '';
END;
CREATE TRIGGER cascade_chore_removal AFTER DELETE ON chores BEGIN
    DELETE FROM chores_log WHERE chore_id = OLD.id;
    DELETE FROM userfield_values
    WHERE object_id = OLD.id AND field_id IN (SELECT id FROM userfields WHERE entity = 'chores');
END;
CREATE TRIGGER cascade_battery_removal AFTER DELETE ON batteries BEGIN
    DELETE FROM battery_charge_cycles WHERE battery_id = OLD.id;
    DELETE FROM userfield_values
    WHERE object_id = OLD.id AND field_id IN (SELECT id FROM userfields WHERE entity = 'batteries');
END;

CREATE TRIGGER prevent_empty_userfields_INS AFTER INSERT ON userfield_values BEGIN
    DELETE FROM userfield_values WHERE id = NEW.id AND ifnull(value, '') = '';
END;
CREATE TRIGGER prevent_empty_userfields_UPD AFTER UPDATE ON userfield_values BEGIN
    DELETE FROM userfield_values WHERE id = NEW.id AND ifnull(value, '') = '';
END;
CREATE TRIGGER cascade_userfield_removal AFTER DELETE ON userfields BEGIN
    DELETE FROM userfield_values WHERE object_id = OLD.id AND field_id = OLD.id;
END;

-- Each way from unit to unit that a product knows: its own conversions, and those that hold for all.
CREATE VIEW quantity_unit_conversions_resolved AS
WITH RECURSIVE
known (product_id, from_qu_id, to_qu_id, factor) AS (
    SELECT product_id, from_qu_id, to_qu_id, factor
    FROM quantity_unit_conversions WHERE product_id IS NOT NULL
    UNION
    SELECT p.id, c.from_qu_id, c.to_qu_id, c.factor
    FROM products p, quantity_unit_conversions c
    WHERE c.product_id IS NULL AND NOT EXISTS (
        SELECT 1 FROM quantity_unit_conversions own
        WHERE own.product_id = p.id AND own.from_qu_id = c.from_qu_id AND own.to_qu_id = c.to_qu_id
    )
),
way (depth, product_id, from_qu_id, to_qu_id, factor, path) AS (
    SELECT 0, id, qu_id_stock, qu_id_stock, 1.0, '/' || qu_id_stock || '/' FROM products
    UNION ALL
    SELECT 1, w.product_id, k.from_qu_id, w.to_qu_id, k.factor * w.factor, '/' || k.from_qu_id || w.path
    FROM way w JOIN known k ON k.product_id = w.product_id AND k.to_qu_id = w.from_qu_id
    WHERE w.path NOT LIKE '%/' || k.from_qu_id || '/%'
    UNION ALL
    SELECT 1, w.product_id, w.from_qu_id, k.to_qu_id, w.factor * k.factor, w.path || k.to_qu_id || '/'
    FROM way w JOIN known k ON k.product_id = w.product_id AND k.from_qu_id = w.to_qu_id
    WHERE w.path NOT LIKE '%/' || k.to_qu_id || '/%'
)
SELECT DISTINCT
    -1 AS id,
    w.product_id,
    w.from_qu_id,
    f.name AS from_qu_name,
    f.name_plural AS from_qu_name_plural,
    w.to_qu_id,
    t.name AS to_qu_name,
    t.name_plural AS to_qu_name_plural,
    w.factor,
    w.path
FROM way w
JOIN quantity_units f ON f.id = w.from_qu_id
JOIN quantity_units t ON t.id = w.to_qu_id;

CREATE VIEW products_resolved AS
SELECT ifnull(parent_product_id, id) AS parent_product_id, id AS sub_product_id
FROM products WHERE active = 1;

CREATE VIEW products_view AS
SELECT
    p.*,
    EXISTS (SELECT 1 FROM products s WHERE s.parent_product_id = p.id) AS has_sub_products,
    ifnull(c.factor, 1.0) AS qu_factor_purchase_to_stock
FROM products p
LEFT JOIN cache__quantity_unit_conversions_resolved c
    ON c.product_id = p.id AND c.from_qu_id = p.qu_id_purchase AND c.to_qu_id = p.qu_id_stock;

CREATE VIEW stock_edited_entries AS
SELECT e.stock_id, e.id AS stock_log_id_of_newest_edited_entry, e.amount AS edited_origin_amount
FROM stock_log e
WHERE e.id = (
    SELECT max(n.id) FROM stock_log n
    WHERE n.stock_id = e.stock_id AND n.transaction_type = 'stock-edit-new'
) AND EXISTS (
    SELECT 1 FROM stock_log b
    WHERE b.stock_id = e.stock_id AND b.amount > 0
        AND b.transaction_type IN ('purchase', 'inventory-correction', 'self-production')
);

CREATE VIEW products_price_history AS
SELECT
    l.product_id AS id, l.product_id, l.price, l.amount, l.purchased_date, l.shopping_location_id,
    l.transaction_type
FROM stock_log l
WHERE l.undone = 0 AND ifnull(l.price, 0) > 0 AND ifnull(l.amount, 0) > 0 AND (
    l.transaction_type IN ('purchase', 'inventory-correction', 'self-production')
        AND l.stock_id NOT IN (SELECT stock_id FROM stock_edited_entries)
    OR l.id IN (SELECT stock_log_id_of_newest_edited_entry FROM stock_edited_entries)
);

CREATE VIEW products_average_price AS
SELECT 1 AS id, product_id, sum(amount * price) / sum(amount) AS price
FROM products_price_history GROUP BY product_id;

-- Of the purchases of a product's last day the one with the highest number.
CREATE VIEW products_last_purchased AS
SELECT
    1 AS id, l.product_id, l.amount, l.best_before_date, l.purchased_date, l.location_id,
    l.shopping_location_id, ifnull(l.price, 0) AS price
FROM stock_log l
WHERE l.id = (
    SELECT o.id FROM stock_log o
    WHERE o.product_id = l.product_id AND o.undone = 0
        AND o.transaction_type IN ('purchase', 'inventory-correction', 'self-production', 'stock-edit-new')
    ORDER BY o.purchased_date DESC, o.id DESC LIMIT 1
);

CREATE VIEW stock_current AS
SELECT
    r.parent_product_id AS product_id,
    sum(s.amount) AS amount_aggregated,
    round(sum(ifnull(s.price, 0) * s.amount), 2) AS value,
    min(s.best_before_date) AS best_before_date,
    sum(CASE WHEN s.open = 1 THEN s.amount ELSE 0 END) AS amount_opened_aggregated
FROM products_resolved r JOIN stock s ON s.product_id = r.sub_product_id
GROUP BY r.parent_product_id HAVING sum(s.amount) > 0;

CREATE VIEW stock_current_locations AS
SELECT
    1 AS id, s.product_id, sum(s.amount) AS amount, s.location_id, l.name AS location_name,
    l.is_freezer AS location_is_freezer
FROM stock s JOIN locations l ON l.id = s.location_id
GROUP BY s.product_id, s.location_id, l.name;

-- What is to be used next, by a product; the application takes from it and puts into it.
CREATE VIEW stock_next_use AS
SELECT
    -1 * row_number() OVER (
        PARTITION BY s.product_id
        ORDER BY ifnull(p.default_consume_location_id, -1) <> s.location_id, s.open DESC,
            s.best_before_date, s.purchased_date
    ) AS priority,
    s.*
FROM stock s JOIN products p ON p.id = s.product_id;
CREATE TRIGGER stock_next_use_INS INSTEAD OF INSERT ON stock_next_use BEGIN
    INSERT INTO stock (
        product_id, amount, best_before_date, purchased_date, stock_id, price, open, opened_date,
        location_id, shopping_location_id, note
    )
    VALUES (
        NEW.product_id, NEW.amount, NEW.best_before_date, NEW.purchased_date, NEW.stock_id, NEW.price,
        NEW.open, NEW.opened_date, NEW.location_id, NEW.shopping_location_id, NEW.note
    );
END;
CREATE TRIGGER stock_next_use_UPD INSTEAD OF UPDATE ON stock_next_use BEGIN
    UPDATE stock
    SET
        product_id = NEW.product_id, amount = NEW.amount, best_before_date = NEW.best_before_date,
        purchased_date = NEW.purchased_date, stock_id = NEW.stock_id, price = NEW.price,
        open = NEW.open, opened_date = NEW.opened_date, location_id = NEW.location_id,
        shopping_location_id = NEW.shopping_location_id, note = NEW.note
    WHERE id = NEW.id;
END;
CREATE TRIGGER stock_next_use_DEL INSTEAD OF DELETE ON stock_next_use BEGIN
    DELETE FROM stock WHERE id = OLD.id;
END;

CREATE VIEW product_barcodes_comma_separated AS
SELECT b.id, b.product_id, group_concat(b.barcode) AS barcodes
FROM product_barcodes b JOIN products p ON p.id = b.product_id
WHERE p.active = 1 GROUP BY b.product_id;

CREATE VIEW shopping_lists_view AS
SELECT *, (SELECT count(*) FROM shopping_list i WHERE i.shopping_list_id = l.id) AS item_count
FROM shopping_lists l;

CREATE VIEW uihelper_shopping_list AS
SELECT
    i.*, p.name AS product_name, b.price AS price, s.name AS default_shopping_location_name,
    u.name AS qu_name, u.name_plural AS qu_name_plural, g.name AS product_group_name
FROM shopping_list i
LEFT JOIN products p ON p.id = i.product_id
LEFT JOIN cache__products_last_purchased b ON b.product_id = i.product_id
LEFT JOIN shopping_locations s ON s.id = p.shopping_location_id
LEFT JOIN quantity_units u ON u.id = i.qu_id
LEFT JOIN product_groups g ON g.id = p.product_group_id;

CREATE VIEW recipes_nestings_resolved AS
WITH RECURSIVE nested (recipe_id, includes_recipe_id, includes_servings, level) AS (
    SELECT id, id, 1, 0 FROM recipes
    UNION ALL
    SELECT n.recipe_id, r.includes_recipe_id, n.servings * r.includes_servings, r.level + 1
    FROM recipes_nestings n JOIN nested r ON r.recipe_id = n.includes_recipe_id
)
SELECT *, 1 AS id FROM nested;

CREATE VIEW chores_assigned_users_resolved AS
SELECT c.id AS chore_id, u.id AS user_id
FROM chores c JOIN users u ON ',' || c.assignment_config || ',' LIKE '%,' || u.id || ',%'
WHERE c.active = 1;

CREATE VIEW batteries_current AS
SELECT
    b.id, b.id AS battery_id, max(c.tracked_time) AS last_tracked_time,
    CASE
        WHEN b.charge_interval_days = 0 THEN '2999-12-31 23:59:59'
        ELSE datetime(max(c.tracked_time), '+' || b.charge_interval_days || ' day')
    END AS next_estimated_charge_time
FROM batteries b LEFT JOIN battery_charge_cycles c ON c.battery_id = b.id AND c.undone = 0
WHERE b.active = 1 GROUP BY b.id, b.charge_interval_days;

CREATE VIEW tasks_current AS SELECT * FROM tasks WHERE done = 0;

CREATE VIEW users_dto AS
SELECT
    id, username, first_name, last_name, row_created_timestamp,
    coalesce(nullif(trim(ifnull(first_name, '') || ' ' || ifnull(last_name, '')), ''), username)
        AS display_name,
    picture_file_name
FROM users;

CREATE VIEW uihelper_stock_journal AS
SELECT
    l.id, l.row_created_timestamp, l.undone, l.transaction_type, l.amount, l.location_id,
    o.name AS location_name, p.name AS product_name, u.name AS qu_name, d.display_name AS user_display_name
FROM stock_log l
LEFT JOIN users_dto d ON d.id = l.user_id
JOIN products p ON p.id = l.product_id
JOIN locations o ON o.id = l.location_id
JOIN quantity_units u ON u.id = p.qu_id_stock;

CREATE VIEW userfield_values_resolved AS
SELECT f.id, f.entity, f.name, f.caption, f.type, f.config, v.object_id, v.value
FROM userfields f JOIN userfield_values v ON v.field_id = f.id;
