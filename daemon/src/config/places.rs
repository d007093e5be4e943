//! Where things are on this platform: the state folder, and the computer's name.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The state folder when `--data` and `DUNLIN_DATA` say nothing.
///
/// ```text
///   Linux    root  /var/lib/dunlin                        else  $XDG_STATE_HOME/dunlin, ~/.local/state/dunlin
///   macOS    root  /Library/Application Support/dunlin    else  ~/Library/Application Support/dunlin
///   Windows        %ProgramData%\dunlin
/// ```
pub fn data_folder() -> PathBuf {
    let home = variable("HOME").map(PathBuf::from);
    if cfg!(windows) {
        return variable("ProgramData")
            .map_or_else(|| PathBuf::from("C:\\ProgramData"), PathBuf::from)
            .join("dunlin");
    }
    if cfg!(target_os = "macos") {
        let base = home.filter(|home| home != Path::new("/var/root")).unwrap_or_else(|| "/".into());
        return base.join("Library/Application Support/dunlin");
    }
    unix_state(is_root(), variable("XDG_STATE_HOME").map(PathBuf::from), home)
}

/// The rule of Linux and its like, apart from where the facts come from.
fn unix_state(root: bool, xdg: Option<PathBuf>, home: Option<PathBuf>) -> PathBuf {
    if root {
        return "/var/lib/dunlin".into();
    }
    // The XDG specification says to ignore a relative one.
    if let Some(xdg) = xdg.filter(|xdg| xdg.is_absolute()) {
        return xdg.join("dunlin");
    }
    home.map_or_else(|| "/var/lib/dunlin".into(), |home| home.join(".local/state/dunlin"))
}

/// Whether this process runs as root, read from the owner of its entry in `/proc`.
fn is_root() -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata("/proc/self").is_ok_and(|entry| entry.uid() == 0)
    }
    #[cfg(not(unix))]
    false
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// What the computer is called; `dunlin` when it does not say.
pub fn computer_name() -> String {
    let from_file = |path| std::fs::read_to_string(path).ok();
    let name = from_file("/proc/sys/kernel/hostname")
        .or_else(|| from_file("/etc/hostname"))
        .or_else(|| variable("COMPUTERNAME").and_then(|name| name.into_string().ok()))
        .unwrap_or_default();
    // The domain part is the same on every machine of the shop and only takes room.
    let name = name.trim().split('.').next().unwrap_or_default().to_owned();
    if super::is_name(&name) { name } else { "dunlin".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_folder_is_the_platforms() {
        let some = |path: &str| Some(PathBuf::from(path));
        for (root, xdg, home, folder) in [
            (true, some("/x"), some("/root"), "/var/lib/dunlin"),
            (false, some("/x"), some("/home/ann"), "/x/dunlin"),
            (false, some("relative"), some("/home/ann"), "/home/ann/.local/state/dunlin"),
            (false, None, some("/home/ann"), "/home/ann/.local/state/dunlin"),
            (false, None, None, "/var/lib/dunlin"),
        ] {
            assert_eq!(unix_state(root, xdg, home), PathBuf::from(folder));
        }
    }

    #[test]
    fn the_computers_name_can_be_a_machines_name() {
        assert!(crate::config::is_name(&computer_name()));
    }
}
