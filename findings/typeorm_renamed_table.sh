#!/usr/bin/env bash
# TypeORM 1.1.1 with better-sqlite3 12.11.1: an entity gets another table name, and synchronize: true.
#
# The new table is made, empty; the old one stays with its rows. That much one would guess. But the references of
# other tables are made to point at the new one, whose rows are not there: every child refers to nobody. The start
# succeeds, since references are not looked at meanwhile, and PRAGMA foreign_key_check finds each of them.
#
# Seen:    the application starts; parts: 2, pieces: 0, sales that refer to nobody: 2 of 2
#
# Needs:  node 20, npm (and a C++ compiler where better-sqlite3 has no binary). Leaves nothing.
set -euo pipefail

folder=$(mktemp --directory)
trap 'rm --recursive --force "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund typeorm@1.1.1 better-sqlite3@12.11.1 >npm.log 2>&1 || { cat npm.log; exit 1; }

cat > start.js <<'JS'
const { DataSource, EntitySchema } = require("typeorm");
const id = { type: "integer", primary: true, generated: "increment" };
const start = async (tableName) => {
  const Part = new EntitySchema({ name: "Part", tableName, columns: { id, name: { type: "text" } } });
  const Sale = new EntitySchema({ name: "Sale", tableName: "sales", columns: { id },
    relations: { part: { type: "many-to-one", target: "Part", nullable: false } } });
  return new DataSource({ type: "better-sqlite3", database: "shop.db", entities: [Part, Sale], synchronize: true })
    .initialize();
};
(async () => {
  let shop = await start("parts");
  const parts = await shop.getRepository("Part").save([{ name: "bolt" }, { name: "nut" }]);
  await shop.getRepository("Sale").save(parts.map((part) => ({ part })));
  await shop.destroy();
  shop = await start("pieces");
  const count = async (what) => (await shop.query(`SELECT count(*) AS n FROM ${what}`))[0].n;
  const seen = [await count("parts"), await count("pieces"), await count("pragma_foreign_key_check"), await count("sales")];
  await shop.destroy();
  console.log(`the application starts; parts: ${seen[0]}, pieces: ${seen[1]}, sales that refer to nobody: ${seen[2]} of ${seen[3]}`);
  process.exitCode = String(seen) === "2,0,2,2" ? 0 : 1;
})();
JS
node start.js || { echo "CHANGED"; exit 1; }
