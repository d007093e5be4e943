//! What `init` makes, and what it refuses without a trace.

use std::fs;
use std::net::TcpListener;

use super::*;

/// 2 March 2026.
const AT: i64 = 1_772_438_400_000;

struct Ground {
    root: tempfile::TempDir,
}

impl Ground {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Settings for a machine in `data`, over an empty database.
    fn settings(&self) -> Settings {
        let database = self.path("shop.db");
        fs::write(&database, b"").unwrap();
        let any = "127.0.0.1:0".parse().ok();
        Settings {
            data: self.path("data"),
            database,
            name: Some("till 1".to_owned()),
            partner_listen: any,
            admin_listen: any,
        }
    }

    /// The names of all that lies about here, in order.
    fn entries(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

fn error(settings: &Settings) -> Error {
    init(settings, AT).unwrap_err()
}

#[test]
fn a_machine_has_a_key_a_shop_and_a_configuration() {
    let ground = Ground::new();
    let settings = ground.settings();
    let made = init(&settings, AT).unwrap();

    let folder = Folder::open(&settings.data).unwrap();
    let pem = String::from_utf8(folder.read(KEY).unwrap()).unwrap();
    let identity = Identity::from_pem(&pem).unwrap();
    assert_eq!(made.id, identity.public_key().machine_id());
    let roster = Roster::load(&folder).unwrap();
    assert_eq!(roster.members().len(), 1);
    assert!(roster.members().get(identity.public_key()).is_some());
    assert!(roster.members().get(identity.public_key()).is_some());
    let config = Config::load(&settings.data, &Flags::default()).unwrap().config;
    assert_eq!(config.machine_name(), "till 1");
    assert_eq!(config.database.first().map(|found| found.file.clone()), Some(settings.database));
    assert_eq!(Some(config.partner.listen), settings.partner_listen);
}

#[cfg(unix)]
#[test]
fn folder_and_files_are_for_this_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let ground = Ground::new();
    let settings = ground.settings();
    init(&settings, AT).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(settings.data.clone()), 0o700);
    for file in [KEY, ROSTER, config::FILE] {
        assert_eq!(mode(settings.data.join(file)), 0o600, "{file}");
    }
}

#[test]
fn a_second_machine_in_one_folder_is_refused_and_the_key_stays() {
    let ground = Ground::new();
    let settings = ground.settings();
    init(&settings, AT).unwrap();
    let key = fs::read(settings.data.join(KEY)).unwrap();
    assert!(matches!(error(&settings), Error::Exists { .. }));
    fs::remove_file(settings.data.join(config::FILE)).unwrap();
    assert!(matches!(error(&settings), Error::Exists { found: KEY, .. }));
    assert_eq!(fs::read(settings.data.join(KEY)).unwrap(), key);
}

#[test]
fn what_is_no_database_is_refused_without_a_trace() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    settings.database = ground.path("missing.db");
    assert!(matches!(error(&settings), Error::NoDatabase { .. }));
    for bytes in [&b"SQLite"[..], b"SQLite format 4\0 and more", b"hello, I am a text file"] {
        settings.database = ground.path("notes.txt");
        fs::write(&settings.database, bytes).unwrap();
        assert!(matches!(error(&settings), Error::NotADatabase { .. }));
    }
    settings.database = ground.root.path().to_owned();
    assert!(matches!(error(&settings), Error::NotADatabase { .. }));
    assert_eq!(ground.entries(), ["notes.txt", "shop.db"]);
}

#[test]
fn a_real_database_is_taken() {
    let ground = Ground::new();
    let mut settings = ground.settings();
    settings.database = ground.path("parts.db");
    dunlin_schema::shop::create(&settings.database).unwrap();
    assert_eq!(init(&settings, AT).unwrap().database, settings.database);
}

#[test]
fn a_database_that_another_folder_serves_is_refused() {
    let ground = Ground::new();
    let settings = ground.settings();
    let _serving = folder::lock_database(&settings.database).unwrap();
    assert!(matches!(error(&settings), Error::Folder(folder::Error::InUse { .. })));
    assert!(!settings.data.exists());
}

#[test]
fn a_port_in_use_is_told_with_its_flag_and_leaves_no_trace() {
    let ground = Ground::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut settings = ground.settings();
    settings.admin_listen = taken.local_addr().ok();
    let told = error(&settings).to_string();
    assert!(told.ends_with("is in use by another program; choose another with --admin-listen"));
    assert_eq!(ground.entries(), ["shop.db"]);
}

#[test]
fn one_port_for_both_listeners_is_refused() {
    let ground = Ground::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().ok();
    let settings = Settings { partner_listen: free, admin_listen: free, ..ground.settings() };
    assert!(matches!(error(&settings), Error::PortInUse { flag: "--admin-listen", .. }));
}

#[test]
fn a_failure_half_way_takes_back_what_was_made() {
    let ground = Ground::new();
    let settings = ground.settings();
    fs::create_dir(&settings.data).unwrap();
    // A folder in the place of the configuration's fresh copy: the last write fails.
    fs::create_dir(settings.data.join(format!(".{}.new", config::FILE))).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(&settings.data, fs::Permissions::from_mode(0o700)).unwrap();
    }
    assert!(matches!(error(&settings), Error::Folder(_)));
    for file in [KEY, ROSTER, config::FILE] {
        assert!(!settings.data.join(file).exists(), "{file} was left behind");
    }
}

#[test]
fn an_empty_folder_that_is_there_is_used() {
    let ground = Ground::new();
    let settings = ground.settings();
    fs::create_dir(&settings.data).unwrap();
    assert!(init(&settings, AT).is_ok());
}
