//! Every page, in every state that it has, looked at by everybody.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::Arc;

use dunlin_tests::lab::attacker::{self, Reply};
use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{Lab, Machine, Person, SOON, until};
use serde_json::json;

use crate::look::Looks;
use crate::shop::{Names, Rich, on_its_own_network};

const ROUTES: &str = include_str!("../../docs/routes.md");

/// What is no page for people, though it is got by GET.
const NO_PAGES: [&str; 6] =
    ["/health", "/ready", "/metrics", "/events", "/history.csv", "/history.json"];

/// The pages for people, as the table of routes has them.
fn pages() -> BTreeSet<&'static str> {
    let (_, section) = ROUTES.split_once("\n## Routes\n").unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| loopback | GET | `")?.split('`').next())
        .filter(|path| !NO_PAGES.contains(path) && *path != "/bundle.json")
        .filter(|path| !path.starts_with("/assets/") && !path.starts_with("/{app}/"))
        .collect()
}

/// The address of a link on the page whose address begins so.
fn link(person: &Person, start: &str) -> String {
    let found = "const one = document.querySelector(`a[href^=\"${arguments[0]}\"]`);
        return one ? one.getAttribute('href') : null";
    let told = person.script(found, &[json!(start)]);
    told.as_str().unwrap_or_else(|| panic!("no {start} in {}", person.text())).to_owned()
}

/// How a page is looked at.
type Look = fn(&mut Looks, &Person, &str);

/// Walks through the pages of a shop in which there is something of everything.
fn walk(rich: &Rich, ann: &Person, looks: &mut Looks, look: Look, name: &dyn Fn(&str) -> String) {
    let mut sees = |path: &str, as_name: &str| {
        ann.opens(path);
        look(looks, ann, &name(as_name));
    };
    for (path, as_name) in [
        ("/", "partners"),
        ("/tables", "tables"),
        ("/history", "history"),
        ("/conflicts", "conflicts"),
        ("/let-in", "let-in"),
        ("/join-shop", "join-shop"),
        ("/people", "people"),
        ("/settings", "settings"),
        ("/log", "log"),
        ("/about", "about"),
        ("/unseen", "unseen"),
        ("/rotate-key", "rotate-key"),
        ("/held/accept", "held-accept"),
        ("/sign-in", "sign-in"),
        ("/forget?partner=nobody", "trouble"),
        ("/held", "held"),
    ] {
        sees(path, as_name);
    }
    let delete = link(ann, "/held/delete?number=");
    let give = link(ann, "/held/give?number=");
    sees(&delete, "held-delete");
    sees(&give, "held-give");
    ann.opens("/tables");
    let untrack = link(ann, "/untrack?");
    sees(&untrack, "untrack");
    sees(&format!("/forget?partner={}", rich.away.1), "forget");

    // Everything that can be opened on a page is open.
    for (path, as_name) in
        [("/", "partners-open"), ("/people", "people-open"), ("/join-shop", "join-shop-open")]
    {
        ann.opens(path);
        ann.script(
            "for (const one of document.querySelectorAll('details')) { one.open = true; }",
            &[],
        );
        look(looks, ann, &name(as_name));
    }
}

/// Walks through what a page shows once, or while something is under way.
fn walk_states(rich: &Rich, ann: &Person, looks: &mut Looks, name: &dyn Fn(&str) -> String) {
    let look = Looks::whole;
    ann.opens("/let-in");
    ann.clicks_at("#invite");
    ann.sees("The token is made");
    look(looks, ann, &name("let-in-made"));
    ann.opens("/people");
    ann.types("What it is for", "nightly report");
    ann.clicks("Make the token");
    ann.sees("The token is made");
    look(looks, ann, &name("people-made"));

    ann.opens("/pair");
    look(looks, ann, &name("pair"));
    ann.clicks("Open for pairing");
    ann.sees("Waiting for the other machine");
    look(looks, ann, &name("pair-open"));
    rich.office.call("pairing_cancel", &json!([])).unwrap();
    rich.stranger.call("pairing_open", &json!([])).unwrap();
    ann.opens("/pair");
    ann.clicks_by(&rich.stranger.name, "Pair");
    let own = until("a number", SOON, || {
        let own = ann.text_of("#own-digits");
        if own.is_empty() { Err(ann.text()) } else { Ok(own) }
    });
    look(looks, ann, &name("pair-numbers"));
    ann.types("The other machine's number", &own);
    ann.clicks("Compare");
    ann.sees("2 tries left");
    look(looks, ann, &name("pair-slip"));
    rich.stranger.call("pairing_cancel", &json!([])).unwrap();
    ann.sees("The other machine hung up");
    look(looks, ann, &name("pair-ended"));
}

/// Walks through the pages of a machine that is alone and has nothing yet.
fn walk_alone(ben: &Person, looks: &mut Looks) {
    for (path, as_name) in [
        ("/", "alone-partners"),
        ("/tables", "alone-tables"),
        ("/history", "alone-history"),
        ("/conflicts", "alone-conflicts"),
        ("/held", "alone-held"),
        ("/people", "alone-people"),
        ("/first-password", "first-password"),
    ] {
        ben.opens(path);
        looks.whole(ben, as_name);
    }
}

/// Comes from a link on a page of another site.
fn from_elsewhere(driver: &Arc<Driver>, machine: &Machine, looks: &mut Looks) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = listener.local_addr().unwrap();
    let page = format!("<a href=\"http://{}/held\">the shop</a>", machine.admin());
    attacker::serve(listener, move |_| Some(Reply::page(page.as_str())));
    let eve = Person::looking_at(driver, &format!("http://localhost:{}", site.port()), "en");
    eve.opens("/");
    eve.clicks("the shop");
    eve.sees("A link led here");
    looks.whole(&eve, "elsewhere");
}

#[test]
fn every_page_fits_a_phone_and_can_be_used_by_everybody_in_light_and_in_dark() {
    on_its_own_network(|| {
        let Some(driver) = Driver::start("every page in a browser") else { return };
        let (lab, mut looks) = (Lab::new(), Looks::new());
        let rich = Rich::make(&lab, &Names::USUAL);
        let ann = Person::at(&driver, &rich.office);
        let as_it_is = |name: &str| name.to_owned();
        walk(&rich, &ann, &mut looks, Looks::whole, &as_it_is);
        walk_states(&rich, &ann, &mut looks, &as_it_is);
        let ben = Person::at(&driver, &rich.stranger);
        walk_alone(&ben, &mut looks);
        from_elsewhere(&driver, &rich.office, &mut looks);

        let seen: BTreeSet<&str> = looks.seen.iter().map(String::as_str).collect();
        let unseen: Vec<_> = pages().into_iter().filter(|page| !seen.contains(page)).collect();
        assert!(unseen.is_empty(), "nobody looked at {unseen:?}");
        looks.all_well();
        let unknown_partner = "404 (Not Found)";
        ann.leaves_after(&[unknown_partner]);
        ben.leaves();
    });
}

#[test]
fn no_page_scrolls_sideways_on_a_phone_in_german_either() {
    on_its_own_network(|| {
        let Some(driver) = Driver::start("every page in German in a browser") else { return };
        let (lab, mut looks) = (Lab::new(), Looks::new());
        let rich = Rich::make(&lab, &Names::USUAL);
        let ulla = Person::speaking(&driver, &rich.office, "de");
        walk(&rich, &ulla, &mut looks, Looks::narrow_picture, &|name| format!("de-{name}"));
        assert!(ulla.text().contains("Laden"), "this is German: {}", ulla.text());
        looks.all_well();
        ulla.leaves_after(&["404 (Not Found)"]);
    });
}

#[test]
fn no_page_scrolls_sideways_on_a_phone_though_all_names_are_as_wide_as_they_may_be() {
    on_its_own_network(|| {
        let Some(driver) = Driver::start("the widest names in a browser") else { return };
        let (lab, mut looks) = (Lab::new(), Looks::new());
        let rich = Rich::make(&lab, &Names::WIDE);
        let ann = Person::at(&driver, &rich.office);
        walk(&rich, &ann, &mut looks, Looks::narrow_picture, &|name| format!("wide-{name}"));
        looks.all_well();
        ann.leaves_after(&["404 (Not Found)"]);
    });
}

#[test]
fn a_page_that_is_too_wide_pale_and_without_words_is_found_to_be_so() {
    let Some(driver) = Driver::start("a bad page in a browser") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let home = format!("http://{}", listener.local_addr().unwrap());
    attacker::serve(listener, |_| {
        Some(Reply::page(
            "<!doctype html><html lang=en><title>x</title><main><h1>x</h1>\
             <p style='color: #bbb; background: #fff; width: 400px'>pale</p><img src=/x><input>",
        ))
    });
    let mut looks = Looks::new();
    let eve = Person::looking_at(&driver, &home, "en");
    eve.opens("/");
    looks.bad(&eve);
    let wrong = looks.wrong();
    assert!(wrong.contains("bad-light-320: scrolls sideways: "), "{wrong}");
    assert!(!wrong.contains("1280: scrolls sideways"), "{wrong}");
    if looks.has_axe() {
        for rule in ["color-contrast", "image-alt", "label"] {
            assert!(wrong.contains(&format!("bad-dark-1280: {rule} (")), "no {rule}: {wrong}");
        }
    }
}
