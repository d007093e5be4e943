//! The configuration, as files that people write.

use super::*;

const EXAMPLE: &str = include_str!("../../../docs/dunlin.example.toml");

fn parse(text: &str) -> Result<Config, Error> {
    Config::parse(text, Path::new("dunlin.toml"))
}

fn refusal(text: &str) -> String {
    let config = match parse(text) {
        Ok(config) => config,
        Err(error) => return error.to_string(),
    };
    config.check().unwrap_err().to_string()
}

/// The example with the sections of lists, which have no default element, taken out of comments.
fn uncommented() -> String {
    let is_setting = |line: &str| {
        line.starts_with("[[")
            || line
                .split_once(" = ")
                .is_some_and(|(key, _)| key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
    };
    let lines = EXAMPLE.lines().map(|line| match line.strip_prefix("# ") {
        Some(setting) if is_setting(setting) => setting,
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_lists_the_defaults() {
    assert_eq!(parse(EXAMPLE).unwrap(), Config::default());
    let config = parse(&uncommented()).unwrap();
    let file = PathBuf::from("/var/lib/shop/shop.db");
    assert_eq!(config.database, [Database { file, ..Database::default() }]);
    let partner = "back office".to_owned();
    assert_eq!(config.partner_address, [PartnerAddress { partner, ..PartnerAddress::default() }]);
    config.check().unwrap();
}

#[test]
fn the_example_lists_every_key() {
    fn keys(value: &toml::Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            toml::Value::Table(table) => {
                for (key, value) in table {
                    let path = format!("{at}.{key}");
                    keys(value, &path, found);
                    found.insert(path);
                }
            }
            toml::Value::Array(list) => list.iter().for_each(|value| keys(value, at, found)),
            _ => {}
        }
    }
    let of = |value: toml::Value| {
        let mut found = BTreeSet::new();
        keys(&value, "", &mut found);
        found
    };
    let in_example = of(uncommented().parse::<toml::Table>().unwrap().into());
    // Serialised, a configuration shows all keys of its structs, also those the text left out.
    let in_code = of(toml::Value::try_from(parse(&uncommented()).unwrap()).unwrap());
    assert_eq!(in_example, in_code);
    assert!(in_code.contains(".database.untracked") && in_code.contains(".partner_address.dial"));
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_what_was_meant() {
    assert_eq!(
        refusal("name = \"till 3\"\n\n[partner]\nlisen = \"[::]:7474\"\n"),
        "dunlin.toml, line 4: unknown field `lisen`, expected `listen`; did you mean `listen`?"
    );
    let told = refusal("[[database]]\nfil = \"shop.db\"\n");
    assert!(told.starts_with("dunlin.toml, line 2: unknown field `fil`"), "{told}");
    assert!(told.ends_with("did you mean `file`?"), "{told}");
    let told = refusal("[log]\nlevel = \"inof\"\n");
    assert!(told.starts_with("dunlin.toml, line 2: unknown variant `inof`"), "{told}");
    assert!(told.ends_with("did you mean `info`?"), "{told}");
    let told = refusal("telephone = 1\n");
    assert!(!told.contains("did you mean"), "{told}");
}

#[test]
fn what_is_not_toml_is_refused_with_its_line() {
    let told = refusal("name = \"a\"\n\n[partner\n");
    assert!(told.starts_with("dunlin.toml, line 3: "), "{told}");
    let told = refusal("\n[partner]\nlisten = \"somewhere\"\n");
    assert!(told.starts_with("dunlin.toml, line 3: "), "{told}");
}

#[test]
fn every_rule_is_told_in_a_sentence() {
    let with = |text: &str| format!("{text}\n[[database]]\nfile = \"shop.db\"\n");
    assert!(parse(&with("")).unwrap().check().is_ok());
    for (text, told) in [
        (String::new(), "database: no database is named"),
        (with("name = \" \""), "name: a name has 1 to 64"),
        (with("name = \"a\\nb\""), "name: a name has 1 to 64"),
        (with("admin.listen = [\"0.0.0.0:7475\"]"), "admin.listen: 0.0.0.0:7475 is not a loopback"),
        (with("admin.listen = [\"192.168.1.5:1\"]"), "admin.listen: 192.168.1.5:1 is not a"),
        (with("admin.lan_names = [\"a:1\"]"), "admin.lan_names: \"a:1\" is not the name of a host"),
        (with("admin.lan_names = [\"a..b\"]"), "admin.lan_names: \"a..b\" is not the name"),
        (with("admin.lan_key = \"k\""), "admin.lan_certificate: a certificate and its key go"),
        (with("admin.local_admins = [\"\"]"), "admin.local_admins: name users of this"),
        (with("old_callers.listen = [\"0.0.0.0:1\"]"), "old_callers.allow: say from where"),
        (with("old_callers.allow = [\"::/0\"]"), "old_callers.allow: a network that holds every"),
        (
            with("old_callers.allow = [\"192.168.1.7/24\"]"),
            "dunlin.toml, line 1: \"192.168.1.7/24\" is not a network",
        ),
        (with("log.keep_days = 0"), "log.keep_days: a number of days from 1"),
        (with("history.keep_days = 4000"), "history.keep_days: a number of days from 1"),
        (with("history.max_mb = 0"), "history.max_mb: a number of MiB"),
        (with("discovery.interfaces = [\"\"]"), "discovery.interfaces: an interface has a name"),
        ("[[database]]\n".to_owned(), "database.file: database \"main\" has no file"),
        (with("[[database]]\nfile = \"b.db\""), "database.name: two databases are called"),
        (with("[[database]]\nname = \"b\"\nfile = \"shop.db\""), "database.file: shop.db is named"),
        (with("[[partner_address]]"), "partner_address.partner: say which partner"),
        (
            with("[[partner_address]]\npartner = \"b\"\n[[partner_address]]\npartner = \"b\""),
            "partner_address.partner: \"b\" is named twice",
        ),
        (
            with("[[partner_address]]\npartner = \"b\"\naddresses = [\"10.0.0.1\"]"),
            "partner_address.addresses: \"10.0.0.1\" is not an address and a port",
        ),
    ] {
        let refusal = refusal(&text);
        assert!(refusal.starts_with(told), "{refusal}");
    }
}

#[test]
fn addresses_are_numbers_or_names_with_a_port() {
    for good in ["10.0.0.1:7474", "[fe80::1%2]:7474", "[::1]:1", "till-3.local:7474"] {
        assert!(is_address(good), "{good}");
    }
    for bad in ["", ":7474", "10.0.0.1", "10.0.0.1:0", "a b:1", "http://x:1", "x:99999", "::1"] {
        assert!(!is_address(bad), "{bad}");
    }
}

#[test]
fn flags_stand_above_the_file_and_the_file_above_the_defaults() {
    let dir = tempfile::tempdir().unwrap();
    let text = "name = \"file\"\nlog.level = \"warn\"\n[[database]]\nfile = \"shop.db\"\n";
    std::fs::write(dir.path().join(FILE), text).unwrap();
    let flags = Flags { name: Some("flag".to_owned()), ..Flags::default() };
    let config = Config::load(dir.path(), &flags).unwrap().config;
    assert_eq!(config.name, "flag");
    assert_eq!(config.log.level, LogLevel::Warn);
    assert_eq!(config.history, History::default());
    assert_eq!(config.database[0].file, dir.path().join("shop.db"));
}

#[test]
fn a_folder_without_a_file_was_not_made_by_init() {
    let dir = tempfile::tempdir().unwrap();
    let told = Config::load(dir.path(), &Flags::default()).unwrap_err().to_string();
    assert!(told.contains("run `dunlin init --data"), "{told}");
}

#[test]
fn the_first_file_says_what_init_was_told() {
    let dir = tempfile::tempdir().unwrap();
    let flags = Flags {
        name: Some("Käse \"und\" Co".to_owned()),
        partner_listen: Some("127.0.0.1:1000".parse().unwrap()),
        admin_listen: Some("[::1]:1001".parse().unwrap()),
        log_level: None,
    };
    let database = dir.path().join("a \"quoted\" shop.db");
    std::fs::write(dir.path().join(FILE), first_file(&flags, &database).unwrap()).unwrap();
    let config = Config::load(dir.path(), &Flags::default()).unwrap().config;
    let expected = Config {
        name: "Käse \"und\" Co".to_owned(),
        partner: Partner { listen: flags.partner_listen.unwrap() },
        admin: Admin { listen: vec![flags.admin_listen.unwrap()], ..Admin::default() },
        database: vec![Database { file: database, ..Database::default() }],
        ..Config::default()
    };
    assert_eq!(config, expected);
}

#[test]
fn a_partner_is_found_by_its_id_before_its_name() {
    let entry = |partner: &str, dial| PartnerAddress {
        partner: partner.to_owned(),
        dial,
        ..PartnerAddress::default()
    };
    let partner_address = vec![entry("till 3", Dial::Auto), entry("the-id", Dial::Never)];
    let config = Config { partner_address, ..Config::default() };
    assert_eq!(config.partner("the-id", "till 3").map(|entry| entry.dial), Some(Dial::Never));
    assert_eq!(config.partner("other", "till 3").map(|entry| entry.dial), Some(Dial::Auto));
    assert_eq!(config.partner("other", "other"), None);
}
