//! Looking at a page as everybody may: narrow and wide, light and dark, with axe-core, and in a picture.

use std::path::PathBuf;

use dunlin_tests::lab::Person;
use serde_json::{Value, json};

/// The widths in pixels: a phone held upright, and a window on a desk.
pub(crate) const WIDTHS: [u32; 2] = [320, 1280];

/// Runs axe-core and calls with what it found: rule, what it says, and where.
const AXE: &str = "
    const done = arguments[arguments.length - 1];
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    window.axe.run(document, { runOnly: { type: 'tag', values: tags }, resultTypes: ['violations'] })
      .then((told) => done(told.violations.flatMap((rule) => rule.nodes.map((node) =>
        `${rule.id} (${rule.impact}): ${rule.help}: ${node.target.join(' ')}: ` +
        `${node.failureSummary.replace(/\\s+/g, ' ')}: ${node.html.slice(0, 200)}`))))
      .catch((error) => done([String(error)]));";

/// How far a page is wider than its window, and what sticks out.
const SIDEWAYS: &str = "
    const root = document.documentElement;
    if (root.scrollWidth <= window.innerWidth) { return null; }
    const out = [...document.body.querySelectorAll('*')]
      .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 0.5)
      .map((one) => one.tagName + (one.id ? '#' + one.id : '') + '.' + one.className);
    return `${root.scrollWidth} > ${window.innerWidth}: ${[...new Set(out)].slice(0, 8).join(' ')}`;";

/// Where the pictures are kept: `target/screenshots`, wherever the target folder is.
fn pictures() -> PathBuf {
    let here = std::env::current_exe().unwrap();
    // …/target/PROFILE/deps/browser-…
    here.ancestors().nth(3).unwrap().join("screenshots")
}

/// The source of axe-core, where `scripts/test` has put it.
fn axe() -> Option<String> {
    let cache = || {
        let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home)?;
        Some(cache.join("dunlin/axe/node_modules/axe-core/axe.min.js"))
    };
    let file = std::env::var_os("DUNLIN_AXE").map(PathBuf::from).or_else(cache)?;
    std::fs::read_to_string(file).ok()
}

/// What was found wrong on the pages that were looked at.
#[derive(Debug)]
pub(crate) struct Looks {
    axe: Option<String>,
    wrong: Vec<String>,
    /// The pages that were seen, by their paths.
    pub(crate) seen: Vec<String>,
}

impl Looks {
    pub(crate) fn new() -> Self {
        let axe = axe();
        if axe.is_none() {
            skipped("whether everybody can use the page: no axe-core; scripts/test installs it");
        }
        Self { axe, wrong: Vec::new(), seen: Vec::new() }
    }

    /// Looks at what somebody has before her in all ways, and keeps a picture of each.
    pub(crate) fn whole(&mut self, person: &Person, name: &str) {
        self.has_seen(person);
        for width in WIDTHS {
            for dark in [false, true] {
                person.has_window(width, dark);
                let how = format!("{name}-{}-{width}", if dark { "dark" } else { "light" });
                self.fits(person, &how);
                self.everybody_can_use_it(person, &how);
                person.keeps_picture(&pictures().join(format!("{how}.png")));
            }
        }
    }

    /// Looks at what is bad on purpose: as [`Looks::whole`], without pictures.
    pub(crate) fn bad(&mut self, person: &Person) {
        for (width, dark) in WIDTHS.into_iter().flat_map(|width| [(width, false), (width, true)]) {
            person.has_window(width, dark);
            let how = format!("bad-{}-{width}", if dark { "dark" } else { "light" });
            self.fits(person, &how);
            self.everybody_can_use_it(person, &how);
        }
    }

    /// Looks only whether it fits into a narrow window.
    pub(crate) fn narrow(&mut self, person: &Person, name: &str) {
        self.has_seen(person);
        person.has_window(WIDTHS[0], false);
        self.fits(person, name);
    }

    /// As [`Looks::narrow`], with a picture.
    pub(crate) fn narrow_picture(&mut self, person: &Person, name: &str) {
        self.narrow(person, name);
        person.keeps_picture(&pictures().join(format!("{name}-light-320.png")));
    }

    fn has_seen(&mut self, person: &Person) {
        let place = person.place();
        self.seen.push(place.split('?').next().unwrap_or_default().to_owned());
    }

    fn fits(&mut self, person: &Person, how: &str) {
        if let Some(wide) = person.script(SIDEWAYS, &[]).as_str() {
            self.wrong.push(format!("{how}: scrolls sideways: {wide}"));
        }
    }

    fn everybody_can_use_it(&mut self, person: &Person, how: &str) {
        let Some(axe) = &self.axe else { return };
        if person.script("return typeof window.axe", &[]) == json!("undefined") {
            person.script(axe, &[]);
        }
        let told = person.script_later(AXE, &[]);
        let told = told.as_array().unwrap_or_else(|| panic!("{how}: {told}"));
        self.wrong.extend(told.iter().filter_map(Value::as_str).map(|one| format!("{how}: {one}")));
    }

    /// What was wrong, a line each.
    pub(crate) fn wrong(&self) -> String {
        self.wrong.join("\n")
    }

    /// Whether axe-core is here.
    pub(crate) fn has_axe(&self) -> bool {
        self.axe.is_some()
    }

    /// Nothing was wrong anywhere.
    pub(crate) fn all_well(&self) {
        assert!(self.wrong.is_empty(), "{} wrong:\n{}", self.wrong.len(), self.wrong());
    }
}

#[expect(clippy::print_stderr, reason = "a skipped check must be seen")]
fn skipped(what: &str) {
    eprintln!("SKIPPED {what}");
}
