//! S24: what would be markup, a script or a command, put into every text field that there is.

use dunlin_tests::lab::attacker::evil;
use dunlin_tests::lab::webdriver::Driver;
use dunlin_tests::lab::{Lab, Person};
use serde_json::json;

use crate::shop::{Names, PASSWORD, Rich, on_its_own_network};

/// How many forms of a page have a field for text.
const FORMS: &str = "
    for (const one of document.querySelectorAll('details')) { one.open = true; }
    const texts = 'textarea, input:not([type=hidden], [type=checkbox], [type=radio], [type=number])';
    window.forms = [...document.forms].filter((form) => form.querySelector(texts));
    return window.forms.length;";

/// Puts a text into all fields of one form as if it were pasted, and sends the form. No length that
/// the page itself keeps to is in the way: whoever attacks does not keep to it either.
const SEND: &str = "
    const [at, text] = arguments;
    const texts = 'textarea, input:not([type=hidden], [type=checkbox], [type=radio], [type=number])';
    const form = window.forms[at];
    form.noValidate = true;
    for (const field of form.querySelectorAll(texts)) {
      field.removeAttribute('maxlength');
      field.focus();
      field.value = text;
      field.dispatchEvent(new Event('input', { bubbles: true }));
    }
    const button = form.querySelector('button');
    button.scrollIntoView({ block: 'center' });
    return button;";

/// Puts a text into one field, as if it were pasted.
const PASTE: &str = "
    const field = document.querySelector(arguments[0]);
    field.focus();
    field.value = arguments[1];
    field.dispatchEvent(new Event('input', { bubbles: true }));";

/// The strings of the list, in as few pieces as do the same: what counts at the start of a text, what
/// counts anywhere, and what is long.
fn pastes() -> [String; 3] {
    let (long, short): (Vec<String>, Vec<String>) =
        evil().into_iter().partition(|text| text.len() > 1_000);
    let alone = |text: &&String| text.starts_with("javascript:");
    [short.iter().find(alone).unwrap().clone(), short.concat(), long.concat()]
}

/// What on a page is not of ours.
const FOREIGN: &str = "
    const odd = [...document.querySelectorAll('iframe, object, embed, b, svg[onload], base, meta[http-equiv]')];
    const own = (one) => new URL(one.src, location).origin === location.origin || one.src.startsWith('data:');
    odd.push(...[...document.querySelectorAll('img, script')].filter((one) => !one.src || !own(one)));
    odd.push(...[...document.querySelectorAll('a[href], form[action]')].filter((one) =>
      !['http:'].includes(new URL(one.href || one.action, location).protocol)));
    const on = (one) => [...one.attributes].some(({ name }) => name.startsWith('on'));
    odd.push(...[...document.querySelectorAll('*')].filter(on));
    if (document.title.includes('pwned') && !document.title.includes('Dunlin')) { odd.push(document.head); }
    if (document.body.innerText.includes('49$') || /\\u202e|\\u001b/.test(document.body.innerText)) {
      odd.push(document.body);
    }
    return odd.map((one) => one.outerHTML.slice(0, 300));";

/// Nothing on the page was made by a text.
fn is_ours(person: &Person, after: &str) {
    let odd = person.script(FOREIGN, &[]);
    assert_eq!(odd, json!([]), "after {after:.80} at {}", person.place());
    let place = person.place();
    assert!(place.starts_with('/'), "led to {place} by {after:.80}");
}

#[test]
fn s24_strings_in_every_text_field_of_every_form_do_nothing() {
    on_its_own_network(|| {
        let Some(driver) = Driver::start("evil strings in every field") else { return };
        let lab = Lab::new();
        let rich = Rich::make(&lab, &Names::USUAL);
        let ann = Person::at(&driver, &rich.office);
        let link = |place: &str, start: &str| {
            ann.opens(place);
            let script = "return document.querySelector(`a[href^=\"${arguments[0]}\"]`).getAttribute('href')";
            ann.script(script, &[json!(start)]).as_str().unwrap().to_owned()
        };
        let (delete, untrack) = (link("/held", "/held/delete?"), link("/tables", "/untrack?"));
        let give = link("/held", "/held/give?");
        let forget = format!("/forget?partner={}", rich.away.1);
        // The first password last: with it there is an admin, and the form is gone.
        let places = [
            "/",
            "/tables",
            "/history",
            "/conflicts",
            "/held",
            &delete,
            &give,
            &forget,
            &untrack,
            "/unseen",
            "/rotate-key",
            "/held/accept",
            "/let-in",
            "/join-shop",
            "/people",
            "/settings",
            "/log",
            "/about",
            "/sign-in",
            "/first-password",
        ];
        let mut sent = 0;
        for place in places {
            ann.opens(place);
            let forms = ann.script(FORMS, &[]).as_u64().unwrap();
            for (at, text) in (0..forms).flat_map(|at| pastes().map(|text| (at, text))) {
                ann.opens(place);
                if ann.script(FORMS, &[]).as_u64().unwrap() <= at {
                    // A form that was taken is not offered twice.
                    continue;
                }
                let button = ann.script(SEND, &[json!(at), json!(text)]);
                ann.sends(|| ann.presses(&button));
                is_ours(&ann, &text);
                sent += 1;
            }
        }
        assert!(sent >= 30, "only {sent} forms were sent");
        let taken =
            evil().into_iter().filter(|name| name.len() < 64 && !name.contains(char::is_control));
        let taken: Vec<String> = taken.filter(|name| !name.contains('\u{202e}')).collect();
        for name in &taken {
            ann.opens("/people");
            for (field, text) in [("#user-name", name.as_str()), ("#user-password", PASSWORD)] {
                ann.script(PASTE, &[json!(field), json!(text)]);
            }
            ann.sends(|| ann.clicks_at("#add-user"));
            ann.script(PASTE, &[json!("#token-name"), json!(name)]);
            ann.sends(|| ann.clicks_at("#make-token"));
            is_ours(&ann, name);
        }
        // What was taken is shown as it is, wherever it stands.
        for place in places {
            ann.opens(place);
            is_ours(&ann, "all");
        }
        ann.opens("/people");
        let text = ann.text();
        for name in &taken {
            // As a user, and as a token.
            assert!(text.matches(name.as_str()).count() >= 2, "no {name} in {text}");
        }
        assert!(taken.len() >= 4, "{taken:?}");
        // What a form is refused with is said by a status, too.
        ann.leaves_after(&["status of 4"]);
    });
}
