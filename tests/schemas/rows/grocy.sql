-- Made-up rows for Grocy: 3 people, 12 products in 6 units, 36 stock rows and 72 lines of their journal.
INSERT INTO users (username, first_name, last_name, password)
VALUES ('ida', 'Ida', 'Bø', '$2y$10$aaa'), ('per', 'Per', NULL, '$2y$10$bbb'), ('guest', NULL, NULL, '$2y$10$ccc');
INSERT INTO user_settings (user_id, key, value)
SELECT u.id, k.value, '1' FROM users u, json_each('["night_mode_enabled", "stock_due_soon_days"]') k;
INSERT INTO locations (id, name, description, is_freezer)
VALUES (2, 'Fridge', NULL, 0), (3, 'Pantry', 'below the stairs', 0), (7, 'Freezer', NULL, 1);
INSERT INTO shopping_locations (name) VALUES ('Corner shop'), ('Markt'), ('Fischhalle');
INSERT INTO product_groups (name) VALUES ('Dairy'), ('Vegetables'), ('Spices & herbs');
INSERT INTO quantity_units (id, name, name_plural)
VALUES (2, 'Piece', 'Pieces'), (3, 'Pack', 'Packs'), (4, 'Gram', 'Grams'), (5, 'Kilogram', 'Kilograms'), (6, 'Bottle', 'Bottles'), (9, 'Stück', 'Stücke');
INSERT INTO quantity_unit_conversions (from_qu_id, to_qu_id, factor) VALUES (5, 4, 1000);
WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 12),
    word (i, word) AS (VALUES (0, 'Milk'), (1, 'Käse'), (2, 'Carrots'), (3, 'Rice'))
INSERT INTO products (
    name, product_group_id, location_id, shopping_location_id, qu_id_purchase, qu_id_stock, min_stock_amount,
    default_best_before_days, calories
)
SELECT
    word.word || ' ' || n.i, CASE WHEN n.i % 4 > 0 THEN 1 + n.i % 3 END, CASE n.i % 3 WHEN 0 THEN 2 WHEN 1 THEN 3 ELSE 7 END,
    CASE WHEN n.i % 2 = 0 THEN 1 + n.i % 3 END, CASE n.i % 3 WHEN 0 THEN 5 WHEN 1 THEN 3 ELSE 2 END,
    CASE n.i % 3 WHEN 0 THEN 4 ELSE 2 END, n.i % 3, 7 * n.i, 100 + n.i
FROM n JOIN word ON word.i = n.i % 4 ORDER BY n.i;
UPDATE products SET parent_product_id = (SELECT id FROM products WHERE name = 'Milk 4') WHERE name IN ('Milk 8', 'Milk 12');
INSERT INTO quantity_unit_conversions (from_qu_id, to_qu_id, factor, product_id)
SELECT 9, qu_id_stock, 12.5, id FROM products WHERE name = 'Rice 3';
INSERT INTO product_barcodes (product_id, barcode, amount, shopping_location_id)
SELECT id, '73100' || (70000000 + id), 1, CASE WHEN id % 2 = 0 THEN 2 END FROM products;
INSERT INTO stock (product_id, amount, best_before_date, purchased_date, stock_id, price, location_id, shopping_location_id)
SELECT
    p.id, k.value * 1.5, date('2026-03-01', '+' || (k.value * p.id) || ' days'), date('2026-01-01', '+' || k.value || ' days'),
    'st' || p.id || '-' || k.value, 2.49 * k.value, CASE WHEN k.value = 2 THEN 7 END, CASE WHEN k.value = 3 THEN 1 END
FROM products p, json_each('[1, 2, 3]') k ORDER BY p.id, k.value;
INSERT INTO stock_log (
    product_id, amount, best_before_date, purchased_date, stock_id, transaction_type, price, location_id, stock_row_id,
    shopping_location_id, user_id, transaction_id
)
SELECT
    product_id, amount + 1, best_before_date, purchased_date, stock_id, 'purchase', price, location_id, id,
    shopping_location_id, 1 + id % 3, 'buy' || id
FROM stock;
INSERT INTO stock_log (product_id, amount, purchased_date, used_date, stock_id, transaction_type, price, location_id, user_id)
SELECT product_id, -1, purchased_date, '2026-01-15', stock_id, 'consume', price, location_id, 2 FROM stock;
INSERT INTO shopping_lists (name) VALUES ('Weekend'), ('Party 🎉');
INSERT INTO shopping_list (product_id, note, amount, shopping_list_id)
SELECT id, CASE WHEN id % 2 = 0 THEN 'the good one' END, id * 0.5, 1 + id % 2 FROM products WHERE id <= 8;
INSERT INTO shopping_list (note, shopping_list_id) VALUES ('Candles', 2);
INSERT INTO recipes (name, description, base_servings, product_id)
VALUES ('Risgrynsgröt', '<p>Stir.</p>', 4, NULL), ('Cheese plate', NULL, 2, 5), ('Menu', NULL, 1, NULL);
INSERT INTO recipes_pos (recipe_id, product_id, amount, ingredient_group)
SELECT 1 + id % 2, id, id * 10, CASE WHEN id % 2 = 0 THEN 'Base' END FROM products WHERE id <= 9;
INSERT INTO recipes_nestings (recipe_id, includes_recipe_id, servings) VALUES (3, 1, 2), (3, 2, 1);
INSERT INTO chores (name, period_type, period_days, assignment_type, next_execution_assigned_to_user_id, product_id)
VALUES ('Water the plants', 'daily', 3, 'round-robin', 2, NULL), ('Defrost', 'manually', NULL, NULL, NULL, NULL), ('Bake', 'weekly', 7, 'in-alphabetical-order', 1, 3);
INSERT INTO chores_log (chore_id, tracked_time, done_by_user_id)
SELECT c.id, datetime('2026-01-01 08:00', '+' || k.value || ' days'), 1 + k.value % 3 FROM chores c, json_each('[1, 4, 7, 10]') k;
INSERT INTO batteries (name, used_in, charge_interval_days)
VALUES ('AA 1', 'remote', 180), ('AA 2', 'remote', 180), ('Drill', 'workshop', 0);
INSERT INTO battery_charge_cycles (battery_id, tracked_time)
SELECT b.id, datetime('2025-06-01', '+' || (k.value * 60) || ' days') FROM batteries b, json_each('[0, 1, 2]') k;
INSERT INTO task_categories (name) VALUES ('House'), ('Garden');
INSERT INTO tasks (name, due_date, category_id, assigned_to_user_id)
VALUES ('Chimney sweep', '2026-02-01', 1, 1), ('Prune', NULL, 2, 2), ('Call Oma', NULL, NULL, 1), ('Paint', '2026-05-01', 1, NULL);
INSERT INTO userfields (entity, name, caption, type) VALUES ('users', 'shoe_size', 'Shoe size', 'text-single-line');
INSERT INTO userfield_values (field_id, object_id, value) VALUES (1, 1, '39'), (1, 2, '44');
