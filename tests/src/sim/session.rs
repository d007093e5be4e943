//! One exchange between two machines, step by step as two daemons do it over a link.

use super::Machine;
use dunlin_schema::{Applied, Ask, Page, Sender};

/// As many bytes as a daemon asks for.
const PAGE_BYTES: usize = 1 << 20;
/// Far above any story here: an exchange that does not end is a fault.
const PAGES_MAX: usize = 20_000;

/// Where a link breaks, and how small its pages are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    /// After so many pages of each direction the link is gone; none: it holds.
    pub after: Option<usize>,
    /// The page that broke it had been made, but never arrived.
    pub in_flight: bool,
    /// Bytes of a page.
    pub page: usize,
}

impl Default for Broken {
    fn default() -> Self {
        Self { after: None, in_flight: false, page: PAGE_BYTES }
    }
}

impl Broken {
    /// Breaks after so many pages of one row each.
    pub fn after(pages: usize) -> Self {
        Self { after: Some(pages), in_flight: false, page: 1 }
    }

    /// Holds, with pages of so many bytes; of one row, when that is more.
    pub fn pages_of(bytes: usize) -> Self {
        Self { page: bytes, ..Self::default() }
    }
}

/// Both directions: first `a` takes from `b`, then `b` from `a`. Answers how many versions moved.
pub fn exchange(a: &mut Machine, b: &mut Machine) -> u64 {
    pull(a, b, Broken::default(), &mut |_, _| ()) + pull(b, a, Broken::default(), &mut |_, _| ())
}

/// Exchanges between all of them until nothing moves.
pub fn level(machines: &mut [&mut Machine]) {
    const ROUNDS_MAX: usize = 14;
    for _ in 0..ROUNDS_MAX {
        let mut moved = 0;
        for first in 0..machines.len() {
            for second in first + 1..machines.len() {
                if let Ok([a, b]) = machines.get_disjoint_mut([first, second]) {
                    moved += exchange(a, b);
                }
            }
        }
        if moved == 0 {
            return;
        }
    }
    panic!("sessions never become empty");
}

/// `to` takes from `from`. `between` runs after each page but the last: the applications go on writing.
/// Answers how many versions were sent.
pub fn pull(
    to: &mut Machine,
    from: &mut Machine,
    broken: Broken,
    between: &mut dyn FnMut(&mut Machine, &mut Machine),
) -> u64 {
    let (mut ask, sender) = greet(to, from);
    ask.limit = broken.page;
    let mut sent = 0;
    for pages in 0..PAGES_MAX {
        if broken.after == Some(pages) && !broken.in_flight {
            return sent;
        }
        ask.cursor = to.store().cursor(sender.origin).unwrap();
        ask.now = to.now();
        let page = from.store().page(&ask).unwrap();
        if broken.after == Some(pages) {
            return sent;
        }
        sent += page.rows() as u64;
        apply(to, &page, sender);
        if page.last.is_some() {
            return sent + ask_by_name(to, from, &ask, sender);
        }
        between(to, from);
    }
    panic!("{} takes from {} without end", to.name, from.name);
}

/// Values that are not here are asked for, row by row. Answers how many came.
fn ask_by_name(to: &mut Machine, from: &mut Machine, ask: &Ask, sender: Sender) -> u64 {
    let (mut after, mut came) = (0, 0);
    loop {
        let missing = to.store().missing(after).unwrap();
        let Some(last) = missing.last() else { return came };
        after = last.number;
        let rows: Vec<_> = missing.iter().map(|missing| missing.row).collect();
        let page = from.store().rows_named(&rows, ask).unwrap();
        came += to.store().apply_named(&page, sender).unwrap().applied;
    }
}

/// What comes before the first page: both fold, tell their tables, and say how far they are.
pub fn greet(to: &mut Machine, from: &mut Machine) -> (Ask, Sender) {
    from.store().fold().unwrap();
    to.store().fold().unwrap();
    let (ours, theirs) = (to.store().origin(), from.store().origin());
    tell_facts(to, from);
    let told = from.store().greeting(Some(ours)).unwrap();
    to.store().meet(&told.declarations, &[]).unwrap();
    let told = to.store().greeting(Some(theirs)).unwrap();
    from.store().meet(&told.declarations, &[]).unwrap();
    let sender = Sender { origin: theirs, skew: from.now() - to.now() };
    to.store().ask_again(sender.origin, sender.skew).unwrap();
    let ask = Ask {
        cursor: 0,
        knowledge: to.store().knowledge().unwrap(),
        now: to.now(),
        limit: PAGE_BYTES,
        plain: false,
    };
    (ask, sender)
}

/// What either has seen happen to columns and names, the other learns.
fn tell_facts(a: &mut Machine, b: &mut Machine) {
    let (of_a, of_b) = (a.store().facts().unwrap(), b.store().facts().unwrap());
    if of_a != of_b {
        a.store().learn_facts(&of_b).unwrap();
        b.store().learn_facts(&of_a).unwrap();
    }
}

/// Applies a page; a page that is refused is a fault here.
pub fn apply(to: &mut Machine, page: &Page, sender: Sender) -> Applied {
    match to.store().apply(page, sender) {
        Ok(applied) => applied,
        Err(error) => panic!("{} cannot take a page: {error:?}\n{page:#?}", to.name),
    }
}
