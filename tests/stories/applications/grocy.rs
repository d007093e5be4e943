//! Grocy: what a household has at home, needs and does.

use super::Application;

pub(super) const GROCY: Application = Application {
    schema: include_str!("../../schemas/grocy.sql"),
    rows: include_str!("../../schemas/rows/grocy.sql"),
    functions: super::none,
    guessed: &[
        "battery_charge_cycles.battery_id=batteries",
        "chores.next_execution_assigned_to_user_id=users",
        "chores.product_id=products",
        "chores_log.chore_id=chores",
        "chores_log.done_by_user_id=users",
        "product_barcodes.product_id=products",
        "product_barcodes.shopping_location_id=shopping_locations",
        "products.location_id=locations",
        "products.parent_product_id=products",
        "products.product_group_id=product_groups",
        "products.shopping_location_id=shopping_locations",
        "recipes.product_id=products",
        "recipes_nestings.includes_recipe_id=recipes",
        "recipes_nestings.recipe_id=recipes",
        "recipes_pos.product_id=products",
        "recipes_pos.recipe_id=recipes",
        "shopping_list.product_id=products",
        "stock.location_id=locations",
        "stock.product_id=products",
        "stock.shopping_location_id=shopping_locations",
        "stock_log.location_id=locations",
        "stock_log.product_id=products",
        "stock_log.recipe_id=recipes",
        "stock_log.shopping_location_id=shopping_locations",
        "stock_log.user_id=users",
        "tasks.assigned_to_user_id=users",
        "tasks.category_id=task_categories",
        "user_settings.user_id=users",
    ],
    // Units are called `qu` in every column; the rest is named after no table, or has no value yet.
    added: &[
        "chores.rescheduled_next_execution_assigned_to_user_id=users",
        "product_barcodes.qu_id=quantity_units",
        "products.default_consume_location_id=locations",
        "products.qu_id_consume=quantity_units",
        "products.qu_id_price=quantity_units",
        "products.qu_id_purchase=quantity_units",
        "products.qu_id_stock=quantity_units",
        "quantity_unit_conversions.from_qu_id=quantity_units",
        "quantity_unit_conversions.product_id=products",
        "quantity_unit_conversions.to_qu_id=quantity_units",
        "recipes_pos.qu_id=quantity_units",
        "shopping_list.qu_id=quantity_units",
        "shopping_list.shopping_list_id=shopping_lists",
        "stock_log.stock_row_id=stock",
        "userfield_values.field_id=userfields",
    ],
    // Triggers of its own write to it as well, so `track --all` takes it for one that only they fill.
    named: &["quantity_unit_conversions"],
    // Each writes to the table of all conversions, which is told to the others as rows, and to the one that
    // only triggers fill, which is not: that one is old on the others until their application touches the product.
    alone: &[
        "quantity_unit_conversions_DEL",
        "quantity_unit_conversions_INS",
        "quantity_unit_conversions_UPD",
    ],
    aside: &[],
    loose: &["stock_log.stock_row_id"],
    untold: &[("userfield_values", "object_id"), ("chores", "assignment_config")],
    each: "INSERT INTO locations (name) VALUES ('Shelf WHO');
         INSERT INTO shopping_locations (name) VALUES ('Shop WHO');
         INSERT INTO product_groups (name) VALUES ('Group WHO');
         INSERT INTO users (username, password) VALUES ('user WHO', 'x');
         INSERT INTO user_settings (user_id, key, value) SELECT max(id), 'locale', 'de' FROM users;
         INSERT INTO products (name, product_group_id, location_id, shopping_location_id, qu_id_purchase, qu_id_stock)
         SELECT 'Bread WHO', g.id, l.id, s.id, 2, 2 FROM product_groups g, locations l, shopping_locations s
         WHERE g.name = 'Group WHO' AND l.name = 'Shelf WHO' AND s.name = 'Shop WHO';
         INSERT INTO products (name, parent_product_id, location_id, qu_id_purchase, qu_id_stock)
         SELECT 'Rye bread WHO', id, location_id, 2, 2 FROM products WHERE name = 'Bread WHO';
         INSERT INTO product_barcodes (product_id, barcode, shopping_location_id)
         SELECT id, 'code WHO', shopping_location_id FROM products WHERE name = 'Bread WHO';
         INSERT INTO recipes (name, product_id) SELECT 'Dish WHO', id FROM products WHERE name = 'Bread WHO';
         INSERT INTO recipes_pos (recipe_id, product_id, amount)
         SELECT (SELECT max(id) FROM recipes), id, 1 FROM products WHERE name = 'Rye bread WHO';
         INSERT INTO recipes_nestings (recipe_id, includes_recipe_id) SELECT max(id), 1 FROM recipes;
         INSERT INTO stock (product_id, amount, stock_id, location_id, shopping_location_id)
         SELECT id, 1, 'each WHO', location_id, shopping_location_id FROM products WHERE name = 'Bread WHO';
         INSERT INTO stock_log (
             product_id, amount, purchased_date, stock_id, transaction_type, price, location_id, recipe_id, shopping_location_id, user_id
         )
         SELECT product_id, 1, '2026-01-05', stock_id, 'purchase', 2, location_id, (SELECT max(id) FROM recipes), shopping_location_id,
             (SELECT max(id) FROM users) FROM stock WHERE stock_id = 'each WHO';
         INSERT INTO chores (name, period_type, next_execution_assigned_to_user_id, product_id)
         SELECT 'Bake WHO', 'manually', max(id), (SELECT id FROM products WHERE name = 'Bread WHO') FROM users;
         INSERT INTO chores_log (chore_id, tracked_time, done_by_user_id)
         SELECT max(id), '2026-01-05 07:00:00', (SELECT max(id) FROM users) FROM chores;
         INSERT INTO batteries (name) VALUES ('Cell WHO');
         INSERT INTO battery_charge_cycles (battery_id, tracked_time) SELECT max(id), '2026-01-05 07:00:00' FROM batteries;
         INSERT INTO task_categories (name) VALUES ('Work WHO');
         INSERT INTO tasks (name, category_id) SELECT 'Task WHO', max(id) FROM task_categories",
    apart: [
        "INSERT INTO locations (name) VALUES ('Cellar');
         INSERT INTO quantity_units (name) VALUES ('Slice');
         INSERT INTO products (
             name, product_group_id, location_id, default_consume_location_id, qu_id_purchase, qu_id_stock, qu_id_consume, qu_id_price
         )
         SELECT 'Smørrebrød', 1, 2, l.id, 3, u.id, u.id, u.id FROM locations l, quantity_units u WHERE l.name = 'Cellar' AND u.name = 'Slice';
         INSERT INTO product_barcodes (product_id, barcode, qu_id)
         SELECT id, '5701234567892', qu_id_consume FROM products WHERE name = 'Smørrebrød';
         INSERT INTO shopping_lists (name) VALUES ('Lunch');
         INSERT INTO shopping_list (product_id, amount, shopping_list_id, qu_id)
         SELECT p.id, 3, (SELECT max(id) FROM shopping_lists), p.qu_id_consume FROM products p WHERE p.name = 'Smørrebrød';
         INSERT INTO recipes (name) VALUES ('Toast');
         INSERT INTO users (username, password) VALUES ('nisse', 'x');
         UPDATE chores SET rescheduled_next_execution_assigned_to_user_id = (SELECT max(id) FROM users) WHERE name = 'Bake';
         INSERT INTO task_categories (name) VALUES ('Boat');
         INSERT INTO stock_next_use (product_id, amount, best_before_date, purchased_date, stock_id, price, open)
         SELECT id, 4, '2026-01-09', '2026-01-05', 'new-a', 3.25, 0 FROM products WHERE name = 'Smørrebrød';
         INSERT INTO stock_log (product_id, amount, purchased_date, stock_id, transaction_type, price, stock_row_id, user_id)
         SELECT product_id, amount, purchased_date, stock_id, 'purchase', price, id, 2 FROM stock WHERE stock_id = 'new-a';
         INSERT INTO chores_log (chore_id, tracked_time, done_by_user_id) VALUES (1, '2026-01-05 18:00:00', 2);
         UPDATE chores SET next_execution_assigned_to_user_id = 3 WHERE id = 1;
         UPDATE products SET name = 'Milk, whole' WHERE name = 'Milk 4'",
        "INSERT INTO quantity_units (name, name_plural) VALUES ('Crate', 'Crates');
         INSERT INTO quantity_unit_conversions (from_qu_id, to_qu_id, factor) SELECT max(id), 6, 24 FROM quantity_units;
         INSERT INTO locations (name) VALUES ('Balcony');
         INSERT INTO products (name, location_id, default_consume_location_id, qu_id_purchase, qu_id_stock)
         SELECT 'Mineralwasser', 3, (SELECT max(id) FROM locations), max(id), 6 FROM quantity_units;
         INSERT INTO stock (product_id, amount, purchased_date, stock_id, price)
         SELECT id, 24, '2026-01-05', 'new-b', 0.5 FROM products WHERE name = 'Mineralwasser';
         INSERT INTO stock_log (product_id, amount, purchased_date, stock_id, transaction_type, price, stock_row_id, user_id)
         SELECT product_id, amount, purchased_date, stock_id, 'purchase', price, id, 1 FROM stock WHERE stock_id = 'new-b';
         INSERT INTO shopping_lists (name) VALUES ('Office');
         INSERT INTO shopping_list (note, shopping_list_id) SELECT 'Stamps', max(id) FROM shopping_lists;
         INSERT INTO userfields (entity, name, caption, type) VALUES ('products', 'vegan', 'Vegan', 'checkbox');
         INSERT INTO userfield_values (field_id, object_id, value) SELECT max(id), 1, '1' FROM userfields;
         INSERT INTO stock_log (product_id, amount, purchased_date, used_date, stock_id, transaction_type, price, user_id)
         SELECT product_id, -amount, purchased_date, '2026-01-05', stock_id, 'consume', price, 3 FROM stock WHERE stock_id = 'st5-1';
         DELETE FROM stock_next_use WHERE stock_id = 'st5-1';
         UPDATE stock SET amount = 0.5, open = 1, opened_date = '2026-01-05' WHERE stock_id = 'st6-2';
         INSERT INTO shopping_list (product_id, amount, shopping_list_id)
         SELECT id, 2, 1 FROM products WHERE name = 'Mineralwasser';
         UPDATE shopping_list SET done = 1 WHERE note = 'Candles'",
        "DELETE FROM products WHERE name = 'Rice 7';
         INSERT INTO recipes (name, base_servings) VALUES ('Rüblikuchen', 8);
         INSERT INTO recipes_pos (recipe_id, product_id, amount)
         SELECT (SELECT max(id) FROM recipes), id, 300 FROM products WHERE name LIKE 'Carrots%';
         INSERT INTO quantity_units (name) VALUES ('Cup');
         INSERT INTO recipes_pos (recipe_id, product_id, amount, qu_id, only_check_single_unit_in_stock)
         SELECT (SELECT max(id) FROM recipes), 1, 2, max(id), 1 FROM quantity_units;
         INSERT INTO userfields (entity, name, caption, type) VALUES ('users', 'hat_size', 'Hat', 'text-single-line');
         INSERT INTO userfield_values (field_id, object_id, value) SELECT max(id), 1, '57' FROM userfields;
         INSERT INTO recipes_nestings (recipe_id, includes_recipe_id, servings) SELECT 3, max(id), 1 FROM recipes;
         INSERT INTO users (username, password) VALUES ('oma', 'x');
         INSERT INTO tasks (name, category_id, assigned_to_user_id) SELECT 'Jam', 2, max(id) FROM users;
         INSERT INTO userfield_values (field_id, object_id, value) VALUES (1, 3, '41');
         DELETE FROM batteries WHERE name = 'AA 2';
         DELETE FROM shopping_list WHERE product_id = 2;
         UPDATE tasks SET done = 1, done_timestamp = '2026-01-05 09:00:00' WHERE name = 'Prune'",
    ],
    end: &[
        ("SELECT group_concat(said, '; ') FROM (
              SELECT p.name || ' ' || b.barcode || ' ' || s.amount || ' ' || u.name || ' in ' || l.name || ' by ' || d.display_name AS said
              FROM products p JOIN stock s ON s.product_id = p.id JOIN stock_log j ON j.stock_row_id = s.id
              JOIN users_dto d ON d.id = j.user_id JOIN locations l ON l.id = s.location_id
              JOIN quantity_units u ON u.id = p.qu_id_stock JOIN product_barcodes b ON b.product_id = p.id
              WHERE s.stock_id = 'new-a')",
         "Smørrebrød 5701234567892 4 Slice in Fridge by Per"),
        // The trigger made it, on a; and the crate's other way, on b.
        ("SELECT group_concat(said, '; ') FROM (
              SELECT ifnull(p.name, 'all') || ' ' || f.name || ' ' || t.name || ' ' || round(c.factor, 4) AS said
              FROM quantity_unit_conversions c JOIN quantity_units f ON f.id = c.from_qu_id
              JOIN quantity_units t ON t.id = c.to_qu_id LEFT JOIN products p ON p.id = c.product_id
              WHERE p.name = 'Smørrebrød' OR 'Crate' IN (f.name, t.name) ORDER BY 1)",
         "Smørrebrød Pack Slice 1.0; Smørrebrød Slice Pack 1.0; all Bottle Crate 0.0417; all Crate Bottle 24.0"),
        ("SELECT group_concat(product_name || ' ' || qu_name || ' ' || amount) FROM uihelper_shopping_list WHERE product_name = 'Mineralwasser'",
         "Mineralwasser Crate 2"),
        ("SELECT group_concat(name || ' ' || item_count) FROM (SELECT * FROM shopping_lists_view ORDER BY name)", "Lunch 1,Office 1,Party 🎉 4,Weekend 4"),
        ("SELECT group_concat(name) FROM (SELECT s.name FROM products s JOIN products p ON p.id = s.parent_product_id
          WHERE p.name = 'Milk, whole' ORDER BY 1)", "Milk 12,Milk 8"),
        ("SELECT group_concat(said) FROM (SELECT r.name || ' ' || p.name AS said FROM recipes_pos i JOIN recipes r ON r.id = i.recipe_id
          JOIN products p ON p.id = i.product_id WHERE r.name = 'Rüblikuchen' ORDER BY 1)",
         "Rüblikuchen Carrots 10,Rüblikuchen Carrots 2,Rüblikuchen Carrots 6,Rüblikuchen Käse 1"),
        ("SELECT CAST(count(*) AS TEXT) FROM recipes_nestings_resolved n JOIN recipes r ON r.id = n.recipe_id WHERE r.name = 'Menu'", "4"),
        ("SELECT (SELECT count(*) FROM stock_log WHERE product_id NOT IN (SELECT id FROM products)) || ' ' ||
          (SELECT count(*) FROM stock WHERE stock_id = 'st5-1') || ' ' || (SELECT count(*) FROM battery_charge_cycles)", "0 0 9"),
        ("SELECT group_concat(t.name || ' ' || u.username) FROM tasks_current t JOIN users u ON u.id = t.assigned_to_user_id
          WHERE t.name IN ('Jam', 'Prune')", "Jam oma"),
        // The tables that only triggers fill are filled on each machine, from what arrives too;
        // not the third, see `alone`.
        (
            "SELECT count(*) || ' of ' || sum(c.price IS v.price)
             FROM products_average_price v LEFT JOIN cache__products_average_price c USING (product_id)",
            "16 of 16",
        ),
        (
            "SELECT count(*) || ' of ' || sum(c.amount IS v.amount AND c.location_id IS v.location_id)
             FROM products_last_purchased v LEFT JOIN cache__products_last_purchased c USING (product_id)",
            "16 of 16",
        ),
    ],
    own_numbers: "SELECT group_concat(id) FROM (SELECT id FROM products
                  WHERE name IN ('Smørrebrød', 'Mineralwasser') ORDER BY name)",
};
