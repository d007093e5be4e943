#!/usr/bin/env bash
# drizzle-kit 0.31.11 (drizzle-orm 0.45.4, better-sqlite3 12.11.1): `push --force` on a file with a trigger that writes
# into a table which is not among the models.
#
# push drops the table that it does not know, and then makes "makers" anew. The last step of that is a RENAME TO, and
# SQLite refuses each RENAME TO in a file where any trigger, here one on another table, names a table that is gone.
# Nothing of it is one transaction: "makers" is dropped by then, and its rows stand in "__new_makers". Pushing again,
# with the trigger gone, does not mend it: drizzle-kit wants to ask whether "makers" is new, --force or not, and where
# there is no terminal it does nothing and ends with 0, so that a script goes on.
#
# Seen:    SqliteError: error in trigger audit: no such table: main.sold
#          tables: __new_makers, parts
#          after another push --force, which ends with 0: __new_makers, parts
#
# Needs:  node 20, npm (and a C++ compiler where better-sqlite3 has no binary). Leaves nothing.
set -euo pipefail

folder=$(mktemp --directory)
trap 'rm --recursive --force "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund \
    drizzle-kit@0.31.11 drizzle-orm@0.45.4 better-sqlite3@12.11.1 >npm.log 2>&1 || { cat npm.log; exit 1; }

cat > models.js <<'JS'
const { integer, sqliteTable, text } = require("drizzle-orm/sqlite-core");
module.exports.makers = sqliteTable("makers", {
  id: integer().primaryKey(),
  name: text({ length: Number(process.env.LENGTH) }).notNull(),
});
module.exports.parts = sqliteTable("parts", { id: integer().primaryKey(), name: text() });
JS
echo '{ "dialect": "sqlite", "schema": "./models.js", "dbCredentials": { "url": "shop.db" } }' > drizzle.config.json

LENGTH=40 npx drizzle-kit push --force >push.log 2>&1
node -e 'require("better-sqlite3")("shop.db").exec(`
    INSERT INTO makers (name) VALUES (1);
    CREATE TABLE sold (part);
    CREATE TRIGGER audit AFTER UPDATE ON parts BEGIN INSERT INTO sold VALUES (new.id); END;`)'

LENGTH=80 npx drizzle-kit push --force >push.log 2>&1 || true
cat > tables.js <<'JS'
const names = require("better-sqlite3")("shop.db").prepare("SELECT name FROM sqlite_master WHERE type = 'table'");
console.log(names.pluck().all().sort().join(", "));
JS
error=$(grep --max-count 1 SqliteError push.log || true)
half=$(node tables.js)
# Its trigger is what stands in the way; somebody who sees the error takes it off, and pushes again.
node -e 'require("better-sqlite3")("shop.db").exec("DROP TRIGGER audit")'
code=0
LENGTH=80 npx drizzle-kit push --force </dev/null >>push.log 2>&1 || code=$?
again=$(node tables.js)
echo "$error"
echo "tables: $half"
echo "after another push --force, which ends with $code: $again"
[[ $code == 0 && $half == "__new_makers, parts" && $again == "$half" && $error == *"no such table: main.sold"* ]] || { echo "CHANGED"; cat push.log; exit 1; }
