//! A disk whose flush takes as long as a till's: a small library in C, built when it is asked for, that programs are
//! started with.

#![expect(
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "a test that cannot make its input should stop"
)]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::outside;

/// The library, in a folder that goes with it.
#[derive(Debug)]
pub struct SlowDisk {
    folder: TempDir,
}

impl SlowDisk {
    /// Builds the library. None, with a line on stderr, where there is no C compiler.
    pub fn build() -> Option<Self> {
        if !outside::has("cc", "a disk whose flush takes long") {
            return None;
        }
        let disk = Self { folder: tempfile::tempdir().unwrap() };
        let source = disk.folder.path().join("slow_disk.c");
        std::fs::write(&source, include_str!("slow_disk.c")).unwrap();
        let (source, library) = (source.to_str().unwrap(), disk.library());
        let words = ["-shared", "-fPIC", "-o", library.to_str().unwrap(), source, "-ldl"];
        let built = outside::run("cc", &words, "");
        assert_eq!(built.code, 0, "{built:?}");
        Some(disk)
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("slow_disk.so")
    }

    /// Has each flush of a program take so much longer.
    pub fn under(&self, program: &mut Command, longer: Duration) {
        program.envs(self.variables(longer));
    }

    /// The same as variables of the program's environment.
    pub fn variables(&self, longer: Duration) -> [(String, String); 2] {
        let library = self.library().to_str().unwrap().to_owned();
        [
            ("LD_PRELOAD".to_owned(), library),
            ("FLUSH_MICROSECONDS".to_owned(), longer.as_micros().to_string()),
        ]
    }
}
