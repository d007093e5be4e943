//! The shops that people look at.

use dunlin_tests::lab::space::{Space, within};
use dunlin_tests::lab::{self, Lab, Machine, SOON, until, until_true};
use serde_json::{Value, json};

/// Tables of a small parts shop.
pub(crate) const SHOP: &str = "
    CREATE TABLE parts (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price REAL);
    CREATE TABLE orders (id INTEGER PRIMARY KEY, part INTEGER REFERENCES parts, customer TEXT);";

/// Tells a story on a network of its own, where that can be had: machines that look for others then
/// find those of the story, and no other test's.
pub(crate) fn on_its_own_network(story: impl FnOnce() + Send) {
    match Space::make("a network of its own; machines of other tests may be seen") {
        Some(space) => within(&space.name, story),
        None => story(),
    }
}

/// A machine that looks for others on this computer's network; its tables tracked, not started.
pub(crate) fn looking(lab: &Lab, folder: &str, name: &str, schema: &str) -> Machine {
    lab::open(&lab.file(folder)).execute_batch(schema).unwrap();
    let place = lab.path().join(folder);
    let machine = Machine::at(name, &place, "127.0.0.1:0".parse().unwrap());
    machine.init();
    machine.ok(&["track", "--all"]);
    machine
}

/// A shop in which there is something of everything.
#[derive(Debug)]
pub(crate) struct Rich {
    /// Whose page is looked at: a row is held, a conflict waits, a till is offline, a stranger is seen.
    pub(crate) office: Machine,
    /// It has everything, and runs as long as somebody looks.
    pub(crate) _till: Machine,
    /// Offline, and its id.
    pub(crate) away: (Machine, String),
    /// Alone, and seen on the network.
    pub(crate) stranger: Machine,
}

/// What things are called in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    pub(crate) machines: [&'static str; 4],
    pub(crate) table: &'static str,
    pub(crate) column: &'static str,
    pub(crate) user: &'static str,
    pub(crate) value: &'static str,
}

impl Names {
    /// As things are called in a shop.
    pub(crate) const USUAL: Self = Self {
        machines: ["back office", "till 1", "till 2", "workshop"],
        table: "parts",
        column: "name",
        user: "nightly import",
        value: "Brake pad, front left",
    };

    /// As long and as wide as anything may be called, with no place to break.
    pub(crate) const WIDE: Self = Self {
        machines: [
            "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWA",
            "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWB",
            "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWC",
            "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWD",
        ],
        table: "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWT",
        column: "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWN",
        user: "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWU",
        value: "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWV",
    };
}

/// What the users of a shop sign in with.
pub(crate) const PASSWORD: &str = "correct horse battery";

impl Rich {
    /// Four machines that look for each other, three of one shop.
    pub(crate) fn make(lab: &Lab, names: &Names) -> Self {
        let Names { machines, table, column, user, value } = names;
        let columns = format!("id INTEGER PRIMARY KEY, \"{column}\" TEXT NOT NULL, price REAL");
        let orders = "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT);";
        let strict = format!(
            "CREATE TABLE \"{table}\" ({columns}, stock INTEGER CHECK (stock >= 0)); {orders}"
        );
        let lax = format!("CREATE TABLE \"{table}\" ({columns}, stock INTEGER); {orders}");
        let [mut office, mut till, mut away, mut stranger] =
            [(0, &strict), (1, &lax), (2, &lax), (3, &lax)]
                .map(|(at, schema)| looking(lab, &format!("m{at}"), machines[at], schema));
        lab::open(&office.database())
            .execute_batch("CREATE TABLE drafts (id INTEGER PRIMARY KEY, text TEXT);")
            .unwrap();
        for machine in [&mut office, &mut till, &mut away, &mut stranger] {
            machine.start();
        }
        till.join(&office.invite());
        away.join(&office.invite());
        office.ok_with(&["users", "add", user, "--role", "write"], PASSWORD);
        office.ok(&["tokens", "create", user, "--role", "read"]);
        office.write(&format!("INSERT INTO \"{table}\" VALUES (1, '{value}', 24.9, 12)"));
        lab::in_step(&[&office, &till, &away]);

        // The away one is switched off first: it takes a while until it is called offline.
        let id = away.id();
        away.kill();
        till.stop();
        office.write(&format!("UPDATE \"{table}\" SET price = 26.5"));
        until_true("folded", SOON, || office.unfolded() == 0);
        office.stop();
        till.write(&format!("UPDATE \"{table}\" SET price = 22, \"{column}\" = '{value}!'"));
        office.start();
        till.start();
        till.write(&format!("INSERT INTO \"{table}\" VALUES (2, '{value} 2', 9.5, -1)"));
        until("something of everything", SOON, || {
            let (conflicts, held) =
                (office.call("conflicts_list", &json!([]))?, office.call("held_list", &json!([]))?);
            let state = office.partner_state(machines[2]);
            let all = some(&conflicts) && some(&held) && state == "Offline";
            if all { Ok(()) } else { Err(format!("{conflicts} {held} {state:?}")) }
        });
        // A row is held here, and shown there.
        until_true("all there", SOON, || office.partner_state(machines[1]) == "Waiting");
        let rich = Self { office, _till: till, away: (away, id), stranger };
        rich.has_seen_the_stranger();
        rich
    }

    fn has_seen_the_stranger(&self) {
        let name = self.stranger.name.as_str();
        until("the stranger seen", SOON, || {
            let seen = self.office.status()?["sightings"].clone();
            let found = seen.as_array().into_iter().flatten().any(|one| one["name"] == name);
            if found { Ok(()) } else { Err(seen.to_string()) }
        });
    }
}

/// Whether an answer lists anything.
fn some(list: &Value) -> bool {
    list.as_array().is_some_and(|list| !list.is_empty())
        || list.as_object().is_some_and(|all| {
            all.values().any(|one| one.as_array().is_some_and(|list| !list.is_empty()))
        })
}
