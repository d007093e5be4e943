// A parts shop with TypeORM, whose application has its tables synchronised when it starts.
//
//     node shop.js FILE old|new|check
//
// `old` and `new` start the application in that version (synchronize: true), and out again; `check` fails if
// TypeORM would change something more. With TRACE=1 each statement is told on standard error.
//
// Needs:  typeorm and better-sqlite3, in the versions of ../package.json, on NODE_PATH.
// Leaves: the tables makers, parts and sales in FILE.

const { DataSource, EntitySchema } = require("typeorm");

const [file, version] = process.argv.slice(2);
const isNew = version !== "old";

const id = { type: "integer", primary: true, generated: "increment" };
const Maker = new EntitySchema({
  name: "Maker", tableName: "makers",
  columns: { id, name: { type: "varchar", length: isNew ? 80 : 40, unique: true } },
});
const Part = new EntitySchema({
  name: "Part", tableName: "parts",
  columns: {
    id,
    code: { type: "varchar", length: 20, unique: true },
    name: { type: "varchar", length: 60 },
    count: { type: "integer" },
    note: { type: "text", nullable: true },
    ...(isNew
      ? { colour: { type: "varchar", length: 20, nullable: true }, minimum: { type: "integer", default: 0 } }
      : { shelf: { type: "varchar", length: 20, nullable: true } }),
  },
  relations: {
    maker: { type: "many-to-one", target: "Maker", nullable: false, onDelete: "CASCADE",
      joinColumn: { name: "maker_id" } },
  },
});
const Sale = new EntitySchema({
  name: "Sale", tableName: "sales",
  columns: { id, number: { type: "varchar", length: 30, unique: true }, pieces: { type: "integer" } },
  relations: {
    part: { type: "many-to-one", target: "Part", nullable: false, onDelete: "CASCADE",
      joinColumn: { name: "part_id" } },
  },
});

async function main() {
  const shop = new DataSource({
    type: "better-sqlite3", database: file, timeout: 30000, entities: [Maker, Part, Sale],
    synchronize: version !== "check",
    logging: process.env.TRACE ? "all" : false,
    logger: process.env.TRACE
      ? { logQuery: (sql) => console.error(sql), logQueryError: (error) => console.error(error),
          logQuerySlow() {}, logSchemaBuild() {}, logMigration() {}, log() {} }
      : undefined,
  });
  await shop.initialize();
  if (version === "check") {
    const { upQueries } = await shop.driver.createSchemaBuilder().log();
    if (upQueries.length > 0) throw new Error(upQueries.map(({ query }) => query).join("\n"));
  }
  await shop.destroy();
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
