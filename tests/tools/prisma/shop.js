// A parts shop with Prisma, which pushes the application's models into the file.
//
//     node shop.js FILE old|added|new|check|check-added [--accept-data-loss] [--filter]
//
// `old` and `new` push the models of that version, `added` those with a column added and nothing more. With
// --accept-data-loss Prisma drops without asking what it does not know; --filter tells it that Dunlin's tables are
// none of its business. `check` and `check-added` fail if it would change something more. What Prisma says is told on
// standard error with TRACE=1.
//
// Prisma's engines are programs that it downloads; the one for schemas is in its package for WebAssembly, too, and
// that is used here ("engine: js"). The names of files in the environment keep it from looking for the others.
//
// Needs:  prisma and @prisma/adapter-better-sqlite3, in the versions of ../package.json, on NODE_PATH.
// Leaves: the tables makers, parts and sales in FILE.

const { spawn } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const Database = require("better-sqlite3");

const [file, version, ...flags] = process.argv.slice(2);

const models = (version) => `
datasource db {
  provider = "sqlite"
  url      = "file:unused"
}

model makers {
  id    Int     @id @default(autoincrement())
  name  String  @unique
  parts parts[]
  ${version === "new" ? "town String?" : ""}
}

model parts {
  id       Int     @id @default(autoincrement())
  code     String  @unique
  name     String
  count    Int
  note     String?
  ${version === "new" ? "" : "shelf String?"}
  ${version === "old" ? "" : "colour String?"}
  ${version === "new" ? "minimum Int @default(0)" : ""}
  maker_id Int
  maker    makers  @relation(fields: [maker_id], references: [id], onDelete: Cascade)
  sales    sales[]
}

model sales {
  id      Int    @id @default(autoincrement())
  number  String @unique
  part_id Int
  part    parts  @relation(fields: [part_id], references: [id], onDelete: Cascade)
  pieces  Int
}
`;

// The tables that Prisma is told to leave alone: it takes names, and no pattern.
function theirs() {
  const db = new Database(file, { timeout: 30000 });
  const names = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE '\\_dunlin%' ESCAPE '\\'");
  const found = names.pluck().all();
  db.close();
  return found;
}

const config = (external) => `
import { PrismaBetterSQLite3 } from "@prisma/adapter-better-sqlite3";

export default {
  schema: "schema.prisma",
  engine: "js",
  experimental: { adapter: true, externalTables: true },
  tables: { external: ${JSON.stringify(external)} },
  adapter: async () => new PrismaBetterSQLite3({ url: ${JSON.stringify(`file:${file}`)} }),
};
`;

function push(version, good) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "prisma-"));
  fs.symlinkSync(process.env.NODE_PATH, path.join(folder, "node_modules"));
  fs.writeFileSync(path.join(folder, "schema.prisma"), models(version));
  fs.writeFileSync(path.join(folder, "prisma.config.mjs"), config(flags.includes("--filter") ? theirs() : []));
  fs.writeFileSync(path.join(folder, "none"), "");
  const none = path.join(folder, "none");
  const program = path.join(process.env.NODE_PATH, "prisma", "build", "index.js");
  const lose = flags.includes("--accept-data-loss") ? ["--accept-data-loss"] : [];
  const child = spawn(process.execPath,
    [program, "db", "push", "--skip-generate", "--config", "prisma.config.mjs", ...lose], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, PRISMA_QUERY_ENGINE_LIBRARY: none, PRISMA_SCHEMA_ENGINE_BINARY: none,
        CHECKPOINT_DISABLE: "1", PRISMA_HIDE_UPDATE_MESSAGE: "1" },
    });
  let said = "";
  const hear = (piece) => {
    said += piece;
    // What is to be said is said, and the connection closed; but it stays for another minute.
    if (/(in sync|Error:).*\n/.test(said)) child.kill();
  };
  child.stdout.on("data", hear);
  child.stderr.on("data", hear);
  child.on("close", () => {
    fs.rmSync(folder, { recursive: true });
    if (process.env.TRACE) console.error(said);
    if (!good.test(said)) {
      console.error(said);
      process.exitCode = 1;
    }
  });
}

if (version.startsWith("check")) {
  push({ check: "new", "check-added": "added" }[version], /already in sync/);
} else {
  push(version, /in sync/);
}
