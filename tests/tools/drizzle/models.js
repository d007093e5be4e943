// The shop's models: in the first version; with columns added; made anew with all columns; in the second version.

const { integer, sqliteTable, text } = require("drizzle-orm/sqlite-core");

function models(version) {
  const isOld = version === "old";
  const isLong = version === "between" || version === "new";
  const makers = sqliteTable("makers", {
    id: integer().primaryKey({ autoIncrement: true }),
    name: text({ length: isLong ? 80 : 40 }).notNull(),
  });
  const parts = sqliteTable("parts", {
    id: integer().primaryKey({ autoIncrement: true }),
    code: text({ length: 20 }).notNull().unique(),
    name: text({ length: 60 }).notNull(),
    count: integer().notNull(),
    note: text(),
    ...(version === "new" ? {} : { shelf: text({ length: 20 }) }),
    ...(isOld ? {} : { colour: text({ length: 20 }), minimum: integer().notNull().default(1) }),
    maker_id: integer().notNull().references(() => makers.id, { onDelete: "cascade" }),
  });
  const sales = sqliteTable("sales", {
    id: integer().primaryKey({ autoIncrement: true }),
    number: text({ length: 30 }).notNull().unique(),
    part_id: integer().notNull().references(() => parts.id, { onDelete: "cascade" }),
    pieces: integer().notNull(),
  });
  return { makers, parts, sales };
}

// drizzle-kit reads this file by itself, and can be told nothing else.
module.exports = models(process.env.SHOP_VERSION);
