//! Spaces apart on one computer: network namespaces with a wire between them, and small disks.
//!
//! They need root. Where they cannot be made, the story is skipped with a line on stderr.

#![expect(clippy::print_stderr, reason = "a skipped test must be seen")]
#![expect(clippy::unwrap_used, reason = "a test that cannot make its input should stop")]

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::outside::run;

/// How many spaces this process has made; each has a name of its own.
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Runs `ip` with these words.
fn ip(line: &str) -> Result<(), String> {
    let words: Vec<&str> = line.split(' ').collect();
    let told = run(
        "/bin/sh",
        &["-c", "exec ip \"$@\"", "sh"].iter().chain(&words).copied().collect::<Vec<_>>(),
        "",
    );
    if told.code == 0 { Ok(()) } else { Err(format!("ip {line}: {}", told.err)) }
}

/// Does something inside a network namespace, in a thread that lives as long as it takes.
///
/// A socket stays in the namespace in which it was made, wherever it is used later.
///
/// # Panics
///
/// When the namespace cannot be entered, or what is done there panics.
pub fn within<T: Send>(name: &str, act: impl FnOnce() -> T + Send) -> T {
    let inside = || {
        let space = File::open(Path::new("/run/netns").join(name)).unwrap();
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
        act()
    };
    std::thread::scope(|scope| scope.spawn(inside).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// One network namespace with nothing but loopback, and a name server of its own; gone when dropped.
#[derive(Debug)]
pub struct Space {
    /// Its name.
    pub name: String,
}

impl Space {
    /// Where programs in it look names up.
    pub const NAME_SERVER: &str = "127.0.0.53";

    /// None, with a line on stderr, where it cannot be made.
    pub fn make(lost: &str) -> Option<Self> {
        let (id, number) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let space = Self { name: format!("dunlin-{id}-s{number}") };
        match space.build() {
            Ok(()) => Some(space),
            Err(error) => {
                eprintln!("SKIPPED {lost}: {}", error.trim());
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        let name = &self.name;
        ip(&format!("netns add {name}"))?;
        ip(&format!("-n {name} link set lo up"))?;
        let told = |error: std::io::Error| error.to_string();
        std::fs::create_dir_all(self.settings()).map_err(told)?;
        let text = format!("nameserver {}\n", Self::NAME_SERVER);
        std::fs::write(self.settings().join("resolv.conf"), text).map_err(told)
    }

    /// What stands before a program on its command line.
    pub fn before(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// What `ip netns exec` puts over `/etc`.
    fn settings(&self) -> PathBuf {
        Path::new("/etc/netns").join(&self.name)
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        run("/bin/sh", &["-c", "ip netns delete \"$0\" 2>/dev/null || true", &self.name], "");
        std::fs::remove_dir_all(self.settings()).unwrap_or_default();
        // Empty when no other program has settings there.
        std::fs::remove_dir("/etc/netns").unwrap_or_default();
    }
}

/// Two network namespaces with a wire between them; gone when dropped.
#[derive(Debug)]
pub struct Wire {
    /// Their names.
    pub names: [String; 2],
    /// The address of each end.
    pub addresses: [&'static str; 2],
}

impl Wire {
    /// None, with a line on stderr, where they cannot be made.
    pub fn make() -> Option<Self> {
        let (id, number) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let wire = Self {
            names: ["a", "b"].map(|end| format!("dunlin-{id}-{number}{end}")),
            addresses: ["10.86.0.1", "10.86.0.2"],
        };
        match wire.build() {
            Ok(()) => Some(wire),
            Err(error) => {
                eprintln!("SKIPPED two network namespaces: {}", error.trim());
                None
            }
        }
    }

    fn build(&self) -> Result<(), String> {
        let [a, b] = &self.names;
        ip(&format!("netns add {a}"))?;
        ip(&format!("netns add {b}"))?;
        ip(&format!("link add wire netns {a} type veth peer name wire netns {b}"))?;
        for (name, address) in self.names.iter().zip(self.addresses) {
            ip(&format!("-n {name} address add {address}/24 dev wire"))?;
            ip(&format!("-n {name} link set lo up"))?;
            ip(&format!("-n {name} link set wire up"))?;
            ip(&format!("-n {name} route add default dev wire"))?;
        }
        Ok(())
    }
}

impl Wire {
    /// Gives one end another address.
    pub fn add(&self, end: usize, address: &str) {
        let name = self.names.get(end).unwrap();
        ip(&format!("-n {name} address add {address} dev wire")).unwrap();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        for name in &self.names {
            // Not made, or gone with the computer's next start.
            run("/bin/sh", &["-c", "ip netns delete \"$0\" 2>/dev/null || true", name], "");
        }
    }
}

/// A small disk of its own; unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    /// Where it is mounted.
    pub path: PathBuf,
}

impl SmallDisk {
    /// A disk of so many kilobytes at a folder. None, with a line on stderr, where it cannot be made.
    pub fn mount(path: &Path, kilobytes: u32) -> Option<Self> {
        std::fs::create_dir_all(path).ok()?;
        let (place, size) = (path.to_str()?, format!("size={kilobytes}k"));
        let told = run(
            "/bin/sh",
            &["-c", "exec mount -t tmpfs -o \"$1\" dunlin-lab \"$0\"", place, &size],
            "",
        );
        if told.code != 0 {
            eprintln!("SKIPPED a full disk: {}", told.err.trim());
            return None;
        }
        Some(Self { path: path.to_owned() })
    }

    /// From now on nothing on it can be changed.
    pub fn freeze(&self) {
        let place = self.path.to_string_lossy();
        let told = run("/bin/sh", &["-c", "exec mount -o remount,ro \"$0\"", &place], "");
        assert_eq!(told.code, 0, "{told:?}");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let place = self.path.to_string_lossy();
        run("/bin/sh", &["-c", "umount \"$0\" || umount --lazy \"$0\"", &place], "");
    }
}
