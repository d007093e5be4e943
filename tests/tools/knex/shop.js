// A parts shop whose tables are migrated by Knex.
//
//     node shop.js FILE old|new|check [in-transactions]
//
// `old` is the first migration, `new` all of them, `check` fails unless all are applied. In a transaction, which is
// Knex's own way, SQLite cannot stop looking at references, and a table that is made anew takes its children along;
// so the project migrates without, unless told otherwise. With TRACE=1 each statement is told on standard error.
//
// Needs:  knex and better-sqlite3, in the versions of ../package.json, on NODE_PATH.
// Leaves: the tables makers, parts, and sales or tickets in FILE, and Knex's own two.

const knex = require("knex");

const [file, version, transactions] = process.argv.slice(2);

const MIGRATIONS = {
  "1_first": async (db) => {
    await db.schema.createTable("makers", (t) => {
      t.increments("id");
      t.string("name", 40).notNullable().unique();
    });
    await db.schema.createTable("parts", (t) => {
      t.increments("id");
      t.string("code", 20).notNullable().unique();
      t.string("name", 60).notNullable();
      t.integer("count").notNullable();
      t.text("note");
      t.string("shelf", 20).index();
      t.integer("maker_id").notNullable().references("makers.id").onDelete("CASCADE");
    });
    await db.schema.createTable("sales", (t) => {
      t.increments("id");
      t.string("number", 30).notNullable().unique();
      t.integer("part_id").notNullable().references("parts.id").onDelete("CASCADE");
      t.integer("pieces").notNullable();
    });
  },
  "2_colours": async (db) => {
    await db.schema.alterTable("parts", (t) => {
      t.string("colour", 20);
      t.integer("minimum").notNullable().defaultTo(0);
    });
  },
  "3_words": async (db) => {
    await db.schema.alterTable("makers", (t) => {
      t.string("name", 80).notNullable().alter();
    });
    await db.schema.alterTable("parts", (t) => {
      t.renameColumn("note", "remark");
      t.dropIndex("shelf");
      t.dropColumn("shelf");
    });
    await db.schema.renameTable("sales", "tickets");
  },
};

const source = {
  getMigrations: async () => Object.keys(MIGRATIONS),
  getMigrationName: (name) => name,
  getMigration: async (name) => ({ up: MIGRATIONS[name], down: async () => {} }),
};

async function main() {
  const db = knex({
    client: "better-sqlite3",
    connection: { filename: file, options: { timeout: 30000 } },
    useNullAsDefault: true,
    pool: {
      min: 1, max: 1,
      afterCreate: (connection, done) => {
        connection.pragma("foreign_keys = ON");
        done();
      },
    },
    migrations: { migrationSource: source, disableTransactions: !transactions },
  });
  if (process.env.TRACE) db.on("query", ({ sql }) => console.error(sql));
  try {
    if (version === "old") await db.migrate.up();
    if (version === "new") await db.migrate.latest();
    if (version === "check") {
      const [, open] = await db.migrate.list();
      if (open.length > 0) throw new Error(`not applied: ${JSON.stringify(open)}`);
    }
  } finally {
    await db.destroy();
  }
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
