//! The state folder: who may look into it, and what a crash leaves.

use super::*;

fn fresh() -> (tempfile::TempDir, Folder) {
    let dir = tempfile::tempdir().unwrap();
    let folder = Folder::create(&dir.path().join("state/dunlin")).unwrap();
    (dir, folder)
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[cfg(unix)]
#[test]
fn what_is_made_is_private() {
    let (_dir, folder) = fresh();
    folder.write("key", b"secret").unwrap();
    folder.append("roster.jsonl", b"{}\n").unwrap();
    let logs = folder.subfolder("logs").unwrap();
    assert_eq!(folder.subfolder("logs").unwrap(), logs);
    let modes = [folder.path(), &logs, &folder.file("key"), &folder.file("roster.jsonl")].map(mode);
    assert_eq!(modes, [0o700, 0o700, 0o600, 0o600]);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_refused_with_the_remedy() {
    let (_dir, folder) = fresh();
    folder.write("key", b"secret").unwrap();
    set_mode(&folder.file("key"), 0o644).unwrap();
    let told = folder.read("key").unwrap_err().to_string();
    assert!(told.contains("(mode 0644); run `chmod 600 /"), "{told}");
    assert!(told.ends_with("key`"), "{told}");
}

#[cfg(unix)]
#[test]
fn a_folder_that_others_may_enter_is_refused_unless_it_is_empty() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("there");
    fs::create_dir(&path).unwrap();
    set_mode(&path, 0o755).unwrap();
    Folder::create(&path).unwrap();
    assert_eq!(mode(&path), 0o700);

    fs::write(path.join("something"), "").unwrap();
    set_mode(&path, 0o755).unwrap();
    let told = Folder::create(&path).unwrap_err().to_string();
    assert!(told.contains("run `chmod 700 "), "{told}");
    assert_eq!(mode(&path), 0o755);
}

#[test]
fn a_file_is_written_whole_over_the_old_one_and_over_what_a_crash_left() {
    let (_dir, folder) = fresh();
    folder.write("users.json", b"a long first version").unwrap();
    fs::write(folder.file(".users.json.new"), "half of the sec").unwrap();
    folder.write("users.json", b"second").unwrap();
    assert_eq!(folder.read("users.json").unwrap(), b"second");
    assert!(!folder.has(".users.json.new"));
}

#[test]
fn a_file_that_cannot_be_written_leaves_the_old_one_and_nothing_beside_it() {
    let (_dir, folder) = fresh();
    // A folder stands where the file should be, so that the rename fails, also for root.
    fs::create_dir(folder.file("key")).unwrap();
    fs::write(folder.file("key").join("x"), "").unwrap();
    assert!(folder.write("key", b"new").is_err());
    assert!(!folder.has(".key.new"));
}

#[test]
fn what_is_appended_comes_after_what_was_there() {
    let (_dir, folder) = fresh();
    folder.append("roster.jsonl", b"one\n").unwrap();
    folder.append("roster.jsonl", b"two\n").unwrap();
    assert_eq!(folder.read("roster.jsonl").unwrap(), b"one\ntwo\n");
}

#[test]
fn a_missing_file_is_none_or_a_sentence() {
    let (_dir, folder) = fresh();
    assert_eq!(folder.read_if_there("key").unwrap(), None);
    assert!(folder.read("key").unwrap_err().to_string().starts_with("there is no file"));
}

#[test]
fn a_folder_that_init_did_not_make_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let told = Folder::open(&dir.path().join("nowhere")).unwrap_err().to_string();
    assert!(told.contains("run `dunlin init --data"), "{told}");
    fs::write(dir.path().join("file"), "").unwrap();
    assert!(matches!(Folder::open(&dir.path().join("file")), Err(Error::NotAFolder { .. })));
    assert!(matches!(Folder::create(&dir.path().join("file")), Err(Error::NotAFolder { .. })));
}

#[test]
fn one_at_a_time_holds_a_folder() {
    let (_dir, folder) = fresh();
    let lock = folder.lock().unwrap();
    let told = folder.lock().unwrap_err().to_string();
    let pid = std::process::id();
    assert!(told.ends_with(&format!("(process {pid}); stop that one first")), "{told}");
    drop(lock);
    folder.lock().unwrap();
}

#[cfg(unix)]
#[test]
fn two_folders_cannot_hold_one_database_also_under_two_names() {
    let dir = tempfile::tempdir().unwrap();
    let (file, link) = (dir.path().join("shop.db"), dir.path().join("link.db"));
    assert!(matches!(lock_database(&file), Err(Error::NoFile { .. })));
    fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let lock = lock_database(&file).unwrap();
    let told = lock_database(&link).unwrap_err().to_string();
    assert!(told.contains("shop.db is in use by another Dunlin daemon (process "), "{told}");
    drop(lock);
    lock_database(&link).unwrap();
    assert!(dir.path().join("shop.db-dunlin.lock").exists());
}

#[test]
fn the_systems_words_become_ours() {
    let told = |kind: ErrorKind| Error::io("write", Path::new("/x"), kind.into()).to_string();
    assert!(told(ErrorKind::StorageFull).contains("the disk is full; make room"));
    assert!(told(ErrorKind::ReadOnlyFilesystem).contains("its disk is read-only; name another"));
    assert!(told(ErrorKind::PermissionDenied).contains("not allowed; run as the user"));
    assert_eq!(told(ErrorKind::Other), "cannot write /x");
}
