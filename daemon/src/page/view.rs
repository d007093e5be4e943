//! View models: from answers of the machine to what templates show. Pure; the words are in `texts`.

pub(super) mod about;
pub(super) mod attention;
pub(super) mod conflicts;
pub(super) mod forget;
pub(super) mod held;
pub(super) mod history;
pub(super) mod letting;
pub(super) mod licences;
pub(super) mod log;
pub(super) mod only;
pub(super) mod pair;
pub(super) mod partners;
pub(super) mod people;
pub(super) mod press;
pub(super) mod rotate;
pub(super) mod said;
pub(super) mod settings;
pub(super) mod state;
pub(super) mod tables;
pub(super) mod trying;
pub(super) mod unseen;
pub(super) mod untrack;

#[cfg(test)]
mod tests {
    #[test]
    fn no_template_marks_anything_as_safe_or_carries_style_or_script() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/templates");
        let mut count = 0;
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            for word in ["|safe", "| safe", "|escape", " style=", "<style", "onclick=", "<script>"]
            {
                assert!(!text.contains(word), "{word} in {:?}", entry.path());
            }
            count += 1;
        }
        assert!(count > 10, "the templates are elsewhere");
    }
}
