#!/usr/bin/env bash
# Sequelize 6.37.8 with sqlite3 5.1.7: an application that calls sync({ alter: true }) when it starts, and whose models
# never change.
#
# The first start makes the table as the model says. The second makes it anew once for each column, and takes all
# other columns from what describeTable tells of them, in which there is no ON DELETE, no UNIQUE that has a name, and
# no AUTOINCREMENT. What the last column's turn leaves is the table: deleting a maker no longer deletes its parts, two
# parts may have one code, and numbers of deleted rows are given again. Each further start leaves it so.
#
# Seen:    start 1: ON DELETE CASCADE, UNIQUE, AUTOINCREMENT
#          start 2: no ON DELETE CASCADE, no UNIQUE, no AUTOINCREMENT
#          start 3: no ON DELETE CASCADE, no UNIQUE, no AUTOINCREMENT
#
# Needs:  node 20, npm (and a C++ compiler where sqlite3 has no binary). Leaves nothing.
set -euo pipefail

folder=$(mktemp --directory)
trap 'rm --recursive --force "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund sequelize@6.37.8 sqlite3@5.1.7 >npm.log 2>&1 || { cat npm.log; exit 1; }

cat > start.js <<'JS'
const { Sequelize, DataTypes } = require("sequelize");
(async () => {
  const db = new Sequelize({ dialect: "sqlite", storage: "shop.db", logging: false });
  const options = { timestamps: false };
  const Maker = db.define("maker", { name: DataTypes.STRING }, options);
  db.define("part", {
    code: { type: DataTypes.STRING, unique: "part_code" },
    maker_id: { type: DataTypes.INTEGER, references: { model: Maker, key: "id" }, onDelete: "CASCADE" },
    note: DataTypes.STRING,
  }, options);
  await db.sync({ alter: true });
  const [[{ sql }]] = await db.query("SELECT sql FROM sqlite_master WHERE name = 'parts'");
  const has = (word) => (sql.includes(word) ? word : `no ${word}`);
  console.log([has("ON DELETE CASCADE"), has("UNIQUE"), has("AUTOINCREMENT")].join(", "));
  await db.close();
})();
JS
for start in 1 2 3; do
    echo "start $start: $(node start.js)"
done | tee seen
diff seen - <<'SEEN' || { echo "CHANGED"; exit 1; }
start 1: ON DELETE CASCADE, UNIQUE, AUTOINCREMENT
start 2: no ON DELETE CASCADE, no UNIQUE, no AUTOINCREMENT
start 3: no ON DELETE CASCADE, no UNIQUE, no AUTOINCREMENT
SEEN
