// A parts shop with Sequelize, whose application has its tables altered at each start.
//
//     node shop.js FILE old|new|check|interface [restrict|set-null]
//
// `old` and `new` start the application in that version: sync({ alter: true }), and out again. `interface` changes
// the tables of the old version into those of the new one by the queryInterface, as a migration does. `check` fails
// unless they are as the new version has them. The third word says what becomes of sales whose part goes.
// With TRACE=1 each statement is told on standard error.
//
// Needs:  sequelize and sqlite3, in the versions of ../package.json, on NODE_PATH.
// Leaves: the tables makers, parts and sales in FILE.

const { Sequelize, DataTypes } = require("sequelize");

const [file, version, onDelete = "restrict"] = process.argv.slice(2);
const action = onDelete.replace("-", " ").toUpperCase();

const db = new Sequelize({
  dialect: "sqlite",
  storage: file,
  logging: process.env.TRACE ? (sql) => console.error(sql) : false,
});

function models(isNew) {
  const options = { timestamps: false };
  const text = (size) => ({ type: DataTypes.STRING(size), allowNull: false });
  const Maker = db.define("maker", { name: { ...text(isNew ? 80 : 40), unique: "maker_name" } },
    { ...options, tableName: "makers" });
  const Part = db.define("part", {
    code: { ...text(20), unique: "part_code" },
    name: text(60),
    count: { type: DataTypes.INTEGER, allowNull: false },
    note: { type: DataTypes.TEXT },
    ...(isNew
      ? { colour: { type: DataTypes.STRING(20) },
          minimum: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 } }
      : { shelf: { type: DataTypes.STRING(20) } }),
  }, { ...options, tableName: "parts" });
  const Sale = db.define("sale", {
    number: { ...text(30), unique: "sale_number" },
    pieces: { type: DataTypes.INTEGER, allowNull: false },
  }, { ...options, tableName: "sales" });
  const whole = { onDelete: action, onUpdate: "CASCADE" };
  Part.belongsTo(Maker, { foreignKey: { name: "maker_id", allowNull: true }, ...whole });
  Sale.belongsTo(Part, { foreignKey: { name: "part_id", allowNull: true }, ...whole });
}

async function byInterface() {
  const change = db.getQueryInterface();
  // Otherwise the table that parts refer to could not be dropped, or would empty their references.
  await db.query("PRAGMA foreign_keys = OFF");
  await change.addColumn("parts", "colour", { type: DataTypes.STRING(20) });
  await change.addColumn("parts", "minimum", { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 });
  await change.renameColumn("parts", "note", "remark");
  await change.removeColumn("parts", "shelf");
  await change.renameTable("sales", "tickets");
}

async function main() {
  await db.query("PRAGMA busy_timeout = 30000");
  if (version === "interface") {
    await byInterface();
  } else if (version === "check") {
    const columns = Object.keys(await db.getQueryInterface().describeTable("parts"));
    for (const name of ["colour", "minimum"]) {
      if (!columns.includes(name)) throw new Error(`no ${name} among ${columns}`);
    }
  } else {
    models(version === "new");
    await db.sync({ alter: true });
  }
  await db.close();
}

main().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
});
