//! A person at a window: looks at a machine's page in a real Chromium, and clicks and types as people do.
//!
//! What is clicked is named by the words on it, and a field by its label: a walk reads like what one
//! would say to somebody on the telephone.
//!
//! # Invariants
//!
//! * Clicks are the mouse's, at the middle of what is clicked: what something else covers cannot be.
//! * A person waits for what she expects, with a deadline, and never merely waits.
//! * Whoever leaves has seen no error on the browser's console, and her browser asked no other host.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot make its input should stop"
)]

use std::path::Path;
use std::sync::{Arc, Mutex};

use data_encoding::BASE64;
use serde_json::{Value, json};

use super::webdriver::{Driver, Session, Trouble};
use super::{Machine, SOON, until, until_true};

/// Finds what is named so: buttons, links, summaries. `arguments[1]` narrows it to the smallest part
/// of the page that says these words and has one.
const NAMED: &str = "
    const tidy = (text) => text.replace(/\\s+/g, ' ').trim();
    const [words, part] = arguments;
    let roots = [document];
    if (part) {
      const parts = [...document.querySelectorAll('article, section, li, tr, form, footer, nav')];
      roots = parts.filter((one) => one.checkVisibility() && tidy(one.innerText).includes(part));
      roots.sort((one, other) => one.innerText.length - other.innerText.length);
    }
    const name = (one) => tidy(one.textContent);
    for (const root of roots) {
      const named = [...root.querySelectorAll('a, button, summary')].filter((one) => one.checkVisibility());
      const found = named.find((one) => name(one) === words)
          || named.find((one) => name(one).startsWith(words));
      if (found) { return found; }
    }
    return null;";

/// Finds the field with this label.
const FIELD: &str = "
    const tidy = (text) => text.replace(/\\s+/g, ' ').trim();
    const [words] = arguments;
    const labels = [...document.querySelectorAll('label')].filter((one) => one.checkVisibility());
    const label = labels.find((one) => tidy(one.textContent).startsWith(words));
    return label ? label.control : null;";

/// What stands on the page for whoever sees.
const TEXT: &str = "return document.body ? document.body.innerText : ''";

/// Somebody at a browser of her own.
#[derive(Debug)]
pub struct Person {
    session: Session,
    home: String,
    /// What her browser asked for, so far.
    asked: Mutex<Vec<String>>,
    /// What stood on the console, so far.
    console: Mutex<Vec<String>>,
}

impl Person {
    /// Sits down at a machine whose language is English, and has not opened its page yet.
    pub fn at(driver: &Arc<Driver>, machine: &Machine) -> Self {
        Self::speaking(driver, machine, "en")
    }

    /// As [`Person::at`], in another language.
    pub fn speaking(driver: &Arc<Driver>, machine: &Machine, language: &str) -> Self {
        Self::looking_at(driver, &format!("http://{}", machine.admin()), language)
    }

    /// Sits down at any address.
    pub fn looking_at(driver: &Arc<Driver>, home: &str, language: &str) -> Self {
        let session = Session::open(driver, language);
        Self { session, home: home.to_owned(), asked: Mutex::default(), console: Mutex::default() }
    }

    /// Types an address of the machine into the address bar.
    pub fn opens(&self, path: &str) {
        let url = format!("{}{path}", self.home);
        let opened = self.session.post("/url", &json!({"url": url}));
        opened.unwrap_or_else(|trouble| panic!("{url}: {trouble}"));
        self.notes();
    }

    /// Where she is: path and query.
    pub fn place(&self) -> String {
        let url = self.session.get("/url").unwrap();
        let url = url.as_str().unwrap_or_default();
        url.strip_prefix(&self.home).unwrap_or(url).to_owned()
    }

    /// What stands on the page.
    pub fn text(&self) -> String {
        let told = self.session.script(TEXT, &[]);
        told.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Waits until these words stand on the page; all that stands there then.
    pub fn sees(&self, words: &str) -> String {
        until(&format!("{words:?} seen at {}", self.place()), SOON, || {
            let text = self.text();
            if text.contains(words) { Ok(text) } else { Err(text) }
        })
    }

    /// Waits until these words no longer stand on the page.
    pub fn sees_no(&self, words: &str) {
        until(&format!("{words:?} gone at {}", self.place()), SOON, || {
            let text = self.text();
            // A page that is being loaded says nothing, and so nothing else either.
            if text.is_empty() || text.contains(words) { Err(text) } else { Ok(()) }
        });
    }

    /// Waits until these words stand in the element at a selector; all that stands there then.
    pub fn sees_in(&self, selector: &str, words: &str) -> String {
        until(&format!("{words:?} seen in {selector} at {}", self.place()), SOON, || {
            let text = self.text_of(selector);
            if text.contains(words) { Ok(text) } else { Err(text) }
        })
    }

    /// What stands in the element at a selector; nothing while there is none.
    pub fn text_of(&self, selector: &str) -> String {
        let script =
            "const one = document.querySelector(arguments[0]); return one ? one.innerText : ''";
        let told = self.session.script(script, &[json!(selector)]);
        told.ok().and_then(|text| text.as_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Clicks the button, link or summary with these words.
    pub fn clicks(&self, words: &str) {
        self.clicks_named(words, Value::Null);
    }

    /// Clicks one in the smallest part of the page that says something.
    pub fn clicks_by(&self, part: &str, words: &str) {
        self.clicks_named(words, json!(part));
    }

    fn clicks_named(&self, words: &str, part: Value) {
        let wanted = [json!(words), part];
        self.tries(&format!("{words:?} of {} clicked", wanted[1]), || {
            let found = self.session.script(NAMED, &wanted)?;
            self.session.click(&there(found, words)?)
        });
        self.notes();
    }

    /// Clicks what a selector finds.
    pub fn clicks_at(&self, selector: &str) {
        self.tries(&format!("{selector} clicked"), || {
            let found = self
                .session
                .script("return document.querySelector(arguments[0])", &[json!(selector)])?;
            self.session.click(&there(found, selector)?)
        });
        self.notes();
    }

    /// Clicks an element that a script has found.
    pub fn presses(&self, element: &Value) {
        self.tries("clicked", || self.session.click(element));
        self.notes();
    }

    /// Types into the field with this label, instead of what is there.
    pub fn types(&self, label: &str, text: &str) {
        self.tries(&format!("{label:?} typed into"), || {
            let found = there(self.session.script(FIELD, &[json!(label)])?, label)?;
            self.session.clear(&found)?;
            self.session.type_into(&found, text)
        });
    }

    /// Chooses from the list with this label.
    pub fn chooses(&self, label: &str, option: &str) {
        let script = "const list = arguments[0];
            const option = [...list.options].find((one) => one.text.trim() === arguments[1]);
            return option || null;";
        self.tries(&format!("{option:?} chosen"), || {
            let list = there(self.session.script(FIELD, &[json!(label)])?, label)?;
            let found = self.session.script(script, &[list, json!(option)])?;
            self.session.click(&there(found, option)?)
        });
    }

    /// Tries something again while the page is being changed under her hands.
    fn tries(&self, what: &str, mut attempt: impl FnMut() -> Result<(), Trouble>) {
        until(what, SOON, || match attempt() {
            Ok(()) => Ok(()),
            Err(trouble) if trouble.passes() => Err(format!("{trouble}: {}", self.text())),
            Err(trouble) => panic!("{what}: {trouble:?}: {}", self.text()),
        });
    }

    /// Presses keys, one after the other.
    pub fn keys(&self, keys: &[&str]) {
        self.session.keys(keys);
    }

    /// Runs a script in the page, as nobody but a test does.
    pub fn script(&self, script: &str, arguments: &[Value]) -> Value {
        let told = self.session.script(script, arguments);
        told.unwrap_or_else(|trouble| panic!("{trouble:?} from {script}"))
    }

    /// Sends a form by what is done, and waits until its answer is there, whole: a click does not
    /// always wait for that.
    pub fn sends(&self, send: impl FnOnce()) {
        const ANSWERED: &str =
            "return window.isBefore !== true && document.readyState === 'complete'";
        self.script("window.isBefore = true", &[]);
        send();
        // While the page goes, no script can be run in it.
        let answered = || self.session.script(ANSWERED, &[]).is_ok_and(|told| told == json!(true));
        until_true("answered", SOON, answered);
    }

    /// As [`Person::script`], for one that answers later, by its last argument.
    pub fn script_later(&self, script: &str, arguments: &[Value]) -> Value {
        let told = self.session.script_later(script, arguments);
        told.unwrap_or_else(|trouble| panic!("{trouble:?}"))
    }

    /// Looks at a window so wide, and asks for a light or dark look as a whole computer may.
    pub fn has_window(&self, width: u32, dark: bool) {
        let screen =
            json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.session.chrome("Emulation.setDeviceMetricsOverride", &screen);
        let look = if dark { "dark" } else { "light" };
        let features = json!([{"name": "prefers-color-scheme", "value": look}]);
        self.session.chrome("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    /// Keeps a picture of the whole page.
    pub fn keeps_picture(&self, file: &Path) {
        let whole = self.session.chrome("Page.getLayoutMetrics", &json!({}));
        let size = &whole["cssContentSize"];
        let clip = json!({
            "x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1,
        });
        let wanted = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
        let shot = self.session.chrome("Page.captureScreenshot", &wanted);
        let bytes = BASE64.decode(shot["data"].as_str().unwrap().as_bytes()).unwrap();
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }

    /// Writes down what was fetched and said since the last time.
    fn notes(&self) {
        let fetched = self.session.log("performance").into_iter().filter_map(|entry| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let message = &message["message"];
            if message["method"] != "Network.requestWillBeSent" {
                return None;
            }
            message["params"]["request"]["url"].as_str().map(str::to_owned)
        });
        self.asked.lock().unwrap().extend(fetched);
        let said = self.session.log("browser").into_iter().filter_map(|entry| {
            let is_bad = entry["level"] == "SEVERE";
            is_bad.then(|| entry["message"].as_str().unwrap_or_default().to_owned())
        });
        self.console.lock().unwrap().extend(said);
    }

    /// Goes away, with nothing on the console and nothing asked elsewhere.
    pub fn leaves(self) {
        self.leaves_after(&[]);
    }

    /// As [`Person::leaves`]; the console may tell of what is expected to fail.
    pub fn leaves_after(self, expected: &[&str]) {
        self.notes();
        let console = self.console.lock().unwrap();
        let odd: Vec<_> = console
            .iter()
            .filter(|line| !expected.iter().any(|word| line.contains(word)))
            .collect();
        assert!(odd.is_empty(), "on the console: {odd:#?}");
        let asked = self.asked.lock().unwrap();
        assert!(!asked.is_empty(), "nothing was written down");
        // The window's own first page is Chromium's, from its own disk.
        let at_hand = [self.home.as_str(), "data:", "chrome:"];
        let ours = |url: &&String| at_hand.iter().any(|start| url.starts_with(start));
        let elsewhere: Vec<_> = asked.iter().filter(|url| !ours(url)).collect();
        assert!(elsewhere.is_empty(), "asked elsewhere: {elsewhere:#?}");
    }
}

/// An element, or the trouble that there is none yet.
fn there(found: Value, what: &str) -> Result<Value, Trouble> {
    if found.is_null() {
        return Err(Trouble { kind: "no such element".into(), text: what.to_owned() });
    }
    Ok(found)
}
