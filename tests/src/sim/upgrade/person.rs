//! What a person writes, as far as the application lets him, and how the application is upgraded.

use super::history::{Column, Kind, Table, Upgrade, Way, any};
use super::judge::Write;
use super::{KEYS, World};
use rusqlite::params_from_iter;
use rusqlite::types::Value;

impl World<'_> {
    fn token(&mut self, column: &Column) -> Value {
        self.tokens += 1;
        let token = self.tokens;
        if column.is == "part.n" {
            return Value::Integer(i64::try_from(token).unwrap() + 1_000_000);
        }
        let bad = if !column.checked && self.dice.one_in(5) { "bad" } else { "" };
        Value::Text(format!("{bad}t{token}."))
    }

    /// A value for a column: of a reference one that is there.
    fn value(&mut self, at: usize, column: &Column) -> Value {
        let Some((parent, _)) = column.refers else { return self.token(column) };
        let till = &self.tills[at];
        let parent = &self.schema(till.version).table(parent).name;
        let keys = till.machine.ask(&format!("SELECT code FROM \"{parent}\" ORDER BY 1"));
        any(&mut self.dice, &keys).map_or(Value::Null, |key| Value::Text(key.clone()))
    }

    /// A person inserts, edits or deletes a row, as far as the application lets him.
    pub(super) fn edit(&mut self, at: usize, inserts: bool) {
        let is = self.dice.pick(&["part", "part", "part", "sale", "maker"]);
        let table = self.schema(self.tills[at].version).table(is).clone();
        let keys =
            self.tills[at].machine.ask(&format!("SELECT code FROM \"{}\" ORDER BY 1", table.name));
        let what = if inserts { 0 } else { self.dice.between(0, 5) };
        if what == 0 {
            let key = table.key(self.dice.between(0, KEYS));
            let refers = table.columns.iter().any(|column| column.refers.is_some());
            let mut row = Vec::new();
            for column in &table.columns {
                if column.not_null || !self.dice.one_in(5) {
                    row.push((column.clone(), self.value(at, column)));
                }
            }
            let names = Table::list(&row.iter().map(|(column, _)| column).collect::<Vec<_>>());
            let marks = ", ?".repeat(row.len());
            let sql = format!("INSERT INTO \"{}\" (code{names}) VALUES (?{marks})", table.name);
            let values = row.iter().map(|(_, value)| value.clone());
            let values = std::iter::once(Value::Text(key.clone())).chain(values).collect();
            let is_referred =
                row.iter().any(|(column, value)| column.refers.is_some() && *value != Value::Null);
            if refers && !is_referred {
                self.unreferred.insert((is, key.clone()));
            }
            return self.write(at, (&sql, values), (is, &key), &row);
        }
        let Some(key) = any(&mut self.dice, &keys).cloned() else { return };
        if what == 5 {
            if self.dice.one_in(2) {
                let sql = format!("DELETE FROM \"{}\" WHERE code = ?", table.name);
                self.write(at, (&sql, vec![Value::Text(key.clone())]), (is, &key), &[]);
            }
            return;
        }
        let mut row: Vec<(Column, Value)> = Vec::new();
        for _ in 0..self.dice.pick(&[1, 1, 2]) {
            let Some(column) = any(&mut self.dice, &table.columns) else { continue };
            let value = self.value(at, column);
            if value != Value::Null && row.iter().all(|(other, _)| other.is != column.is) {
                row.push((column.clone(), value));
            }
        }
        if row.is_empty() {
            return;
        }
        let sets: Vec<String> =
            row.iter().map(|(column, _)| format!("\"{}\" = ?", column.name)).collect();
        let sql = format!("UPDATE \"{}\" SET {} WHERE code = ?", table.name, sets.join(", "));
        let values = row.iter().map(|(_, value)| value.clone());
        let values = values.chain([Value::Text(key.clone())]).collect();
        self.write(at, (&sql, values), (is, &key), &row);
    }

    /// The application runs a statement. `row`: what it wrote; nothing, where it deleted.
    fn write(
        &mut self,
        at: usize,
        (sql, values): (&str, Vec<Value>),
        (table, key): (&'static str, &str),
        row: &[(Column, Value)],
    ) {
        let till = &mut self.tills[at];
        till.machine.tick();
        if till.machine.app.execute(sql, params_from_iter(&values)).is_err() {
            return;
        }
        till.copied = false;
        let from = self.writes.len();
        let (on, weak) = (till.machine.name.clone(), till.unlooked);
        self.quiet &= !weak;
        if row.is_empty() {
            self.deleted.insert((table, key.to_owned()));
        }
        for (column, value) in row {
            let value = match value {
                Value::Text(text) => text.clone(),
                Value::Integer(n) => n.to_string(),
                _ => continue,
            };
            self.writes.push(Write {
                on: on.clone(),
                table,
                key: key.to_owned(),
                column: column.is.clone(),
                value,
                weak,
            });
        }
        let pending = &mut self.tills[at].pending;
        // Among those of others.
        let from = if pending.start == pending.end { from } else { pending.start };
        *pending = from..self.writes.len();
        self.say(&format!("{on}: {sql} {values:?}{}", if weak { ", not looked" } else { "" }));
    }

    /// The next upgrade of a machine's application, as one of its tools does it.
    pub(super) fn upgrade(&mut self, at: usize) {
        let Some(upgrade) = self.upgrades.get(self.tills[at].version).cloned() else { return };
        let way = upgrade.way(&mut self.dice);
        let statements = upgrade.statements(way);
        let machine = &self.tills[at].machine;
        let name = machine.name.clone();
        let told = format!("{name}: upgrade {}: {:?} {way:?}:", upgrade.number, upgrade.kind);
        let mut told = std::iter::once(told).chain(statements.clone()).collect::<Vec<_>>();
        let kept = upgrade.kept();
        let drops_kept = way == Way::Kept && self.dice.one_in(2);
        if drops_kept {
            told.push(format!("DROP TABLE \"{kept}\""));
        }
        self.say(&told.join("\n    "));
        self.look_for_too_few(at, &upgrade, way);
        let machine = &self.tills[at].machine;
        let references = if matches!(way, Way::Fallen | Way::Alter) { "ON" } else { "OFF" };
        let legacy = if way == Way::Kept { "ON" } else { "OFF" };
        machine.run(&format!(
            "PRAGMA foreign_keys = {references}; PRAGMA legacy_alter_table = {legacy}"
        ));
        machine.run(&format!("BEGIN; {}; COMMIT", statements.join("; ")));
        machine.run("PRAGMA foreign_keys = OFF");
        if drops_kept {
            machine.run(&format!("DROP TABLE \"{kept}\""));
        }
        machine.run("PRAGMA foreign_keys = ON; PRAGMA legacy_alter_table = OFF");
        let till = &mut self.tills[at];
        till.version += 1;
        till.unlooked = true;
        self.fallen |= way == Way::Fallen;
        // What was not copied yet is compared with less.
        self.quiet &= (till.copied || !way.remakes())
            && way != Way::Fallen
            && !(upgrade.kind == Kind::RenameColumn && way.remakes())
            && matches!(
                upgrade.kind,
                Kind::AddNull
                    | Kind::AddDefault
                    | Kind::AddFilled
                    | Kind::AddSet
                    | Kind::Drop
                    | Kind::RenameColumn
                    | Kind::RenameTable
                    | Kind::Remake
                    | Kind::Type
            );
    }

    /// A name that is given again in a table made anew is known by what the columns hold: where that is little, or was not
    /// copied yet, what becomes of it is not judged.
    fn look_for_too_few(&mut self, at: usize, upgrade: &Upgrade, way: Way) {
        /// Fewer different values than this are any column's.
        const DIFFERENT: usize = 3;
        if !way.remakes() {
            return;
        }
        let till = &self.tills[at];
        let (table, old) = (upgrade.table, upgrade.old.table(upgrade.table));
        for upgrade in &self.upgrades[till.seen..=till.version] {
            let is_given_again = matches!(upgrade.kind, Kind::GiveNameAgain | Kind::OtherUnit);
            if !is_given_again || upgrade.table != table {
                continue;
            }
            let column = old.column(&upgrade.column).or_else(|| old.column(&upgrade.made));
            let Some(column) = column.map(|column| &column.name) else { continue };
            let different = till.machine.ask(&format!(
                "SELECT DISTINCT \"{column}\" FROM \"{}\" WHERE \"{column}\" IS NOT NULL",
                old.name
            ));
            if different.len() < DIFFERENT || !till.copied {
                for column in [&upgrade.column, &upgrade.made] {
                    self.passed.insert((table, column.clone()));
                }
            }
        }
    }
}
