//! The shops that people look at.

use dunlin_tests::lab::space::{Space, within};
use dunlin_tests::lab::{self, Lab, Machine};

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
pub(crate) fn looking(lab: &Lab, name: &str, schema: &str) -> Machine {
    lab::open(&lab.file(name)).execute_batch(schema).unwrap();
    let place = lab.path().join(name);
    let machine = Machine::at(name, &place, "127.0.0.1:0".parse().unwrap());
    machine.init();
    machine.ok(&["track", "--all"]);
    machine
}
