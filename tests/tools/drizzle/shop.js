// A parts shop with drizzle-kit, which pushes the application's models into the file.
//
//     node shop.js FILE old|added|new|check|check-added [--force] [--filter]
//
// `old` and `new` push the models of that version: those of the second in two steps, since drizzle-kit asks whether
// a column is new or renamed where one came and one went; `added` pushes columns that are added, and nothing that
// makes a table anew. --force has it drop without asking what it does not know;
// --filter tells it to leave Dunlin's tables alone. `check` fails if it would change something more. With TRACE=1
// each statement is told on standard error.
//
// Needs:  drizzle-kit, drizzle-orm and better-sqlite3, in the versions of ../package.json, on NODE_PATH.
// Leaves: the tables makers, parts and sales in FILE.

const { spawnSync } = require("node:child_process");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const [file, version, ...flags] = process.argv.slice(2);

const isCheck = version.startsWith("check");

function push(models) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "drizzle-"));
  const config = path.join(folder, "drizzle.config.json");
  fs.writeFileSync(config, JSON.stringify({
    dialect: "sqlite",
    schema: path.join(__dirname, "models.js"),
    out: path.join(folder, "out"),
    dbCredentials: { url: file },
    verbose: true,
    tablesFilter: flags.includes("--filter") ? ["!_dunlin_*"] : undefined,
  }));
  const program = path.join(process.env.NODE_PATH, "drizzle-kit", "bin.cjs");
  const words = [program, "push", `--config=${config}`, ...(flags.includes("--force") ? ["--force"] : [])];
  const told = spawnSync(process.execPath, words,
    { cwd: folder, encoding: "utf8", env: { ...process.env, SHOP_VERSION: models } });
  fs.rmSync(folder, { recursive: true });
  const said = told.stdout + told.stderr;
  if (process.env.TRACE) console.error(said);
  // It ends with 0 also where it failed.
  const good = isCheck ? /No changes detected/ : /Changes applied|No changes detected/;
  if (told.status !== 0 || !good.test(said)) {
    console.error(said);
    process.exit(1);
  }
}

if (version === "new") push("between");
push({ check: "new", "check-added": "added" }[version] ?? version);
