#!/usr/bin/env bash
# Knex 3.3.0 with better-sqlite3 12.11.1: a migration that changes a column of a table to which others refer with
# ON DELETE CASCADE.
#
# Knex makes the table anew and takes care of references: it says PRAGMA foreign_keys = OFF before, and has
# PRAGMA foreign_key_check tell afterwards whether all is well. But a migration is a transaction unless one says
# otherwise, and in a transaction SQLite does not take the first for anything. better-sqlite3 keeps references by
# itself, so DROP TABLE deletes the children; and the check is content, since children that are gone refer to nothing.
# No error: the rows of the other table are gone. The same change outside of a transaction keeps them.
#
# Seen:    children after .alter() outside of a transaction: 2
#          children after .alter() in a migration: 0
#
# Needs:  node 20, npm (and a C++ compiler where better-sqlite3 has no binary). Leaves nothing.
set -euo pipefail

folder=$(mktemp --directory)
trap 'rm --recursive --force "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund knex@3.3.0 better-sqlite3@12.11.1 >npm.log 2>&1 || { cat npm.log; exit 1; }

cat > migrate.js <<'JS'
const knex = require("knex");
const steps = {
  "1_tables": async (db) => {
    await db.schema.createTable("makers", (t) => { t.increments(); t.string("name", 40).notNullable(); });
    await db.schema.createTable("parts", (t) => {
      t.increments();
      t.integer("maker").notNullable().references("makers.id").onDelete("CASCADE");
    });
    await db("makers").insert({ id: 1, name: "Ahlberg" });
    await db("parts").insert([{ maker: 1 }, { maker: 1 }]);
  },
  "2_longer": (db) => db.schema.alterTable("makers", (t) => { t.string("name", 80).notNullable().alter(); }),
};
const source = {
  getMigrations: async () => Object.keys(steps),
  getMigrationName: (name) => name,
  getMigration: async (name) => ({ up: steps[name], down: async () => {} }),
};
async function children(disableTransactions) {
  const db = knex({ client: "better-sqlite3", connection: { filename: ":memory:" }, useNullAsDefault: true,
    pool: { min: 1, max: 1 } });
  await db.migrate.latest({ migrationSource: source, disableTransactions });
  const [{ n }] = await db("parts").count({ n: "*" });
  await db.destroy();
  return n;
}
(async () => {
  const [without, within] = [await children(true), await children(false)];
  console.log(`children after .alter() outside of a transaction: ${without}`);
  console.log(`children after .alter() in a migration: ${within}`);
  process.exitCode = without === 2 && within === 0 ? 0 : 1;
})();
JS
node migrate.js || { echo "CHANGED"; exit 1; }
