#!/usr/bin/env bash
# drizzle-kit 0.31.11 (drizzle-orm 0.45.4, better-sqlite3 12.11.1): a NOT NULL column is added to a table with rows.
#
# With .default(1) `push --force` adds the column, and the rows get 1, as SQLite does it.
# With .default(0) it first runs "delete from parts", and all rows are gone: a default of 0 is taken for none.
# Without --force it asks, and says "without default value" although the statement that it shows has one.
#
# Seen:    rows after adding a column with default 1: 3
#          rows after adding a column with default 0: 0
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
const least = process.env.LEAST;
module.exports.parts = sqliteTable("parts", {
  id: integer().primaryKey(),
  name: text().notNull(),
  ...(least ? { least: integer().notNull().default(Number(least)) } : {}),
});
JS

rows_after_default() {
    local file="default$1.db"
    cat > drizzle.config.json <<JSON
{ "dialect": "sqlite", "schema": "./models.js", "dbCredentials": { "url": "$file" } }
JSON
    LEAST="" npx drizzle-kit push --force >push.log 2>&1
    node -e 'require("better-sqlite3")(process.argv[1]).exec(`INSERT INTO parts (name) VALUES (1), (2), (3)`)' "$file"
    LEAST=$1 npx drizzle-kit push --force >>push.log 2>&1
    node -e 'console.log(require("better-sqlite3")(process.argv[1]).prepare("SELECT count(*) FROM parts").pluck().get())' "$file"
}

one=$(rows_after_default 1)
zero=$(rows_after_default 0)
echo "rows after adding a column with default 1: $one"
echo "rows after adding a column with default 0: $zero"
[[ $one == 3 && $zero == 0 ]] || { echo "CHANGED"; cat push.log; exit 1; }
