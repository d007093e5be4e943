//! The way to the machine: through the daemon's socket, or in this process when there is no daemon.
//!
//! ```text
//!   DIR/dunlin.sock answers ────────────────────► the daemon
//!   nobody listens ─┬─ the command needs one ────► "not running", exit 3
//!                   └─ it does not: DIR's lock ──► the same methods, here
//! ```
//!
//! A user whom the configuration lets manage the daemon has no way into DIR; for him `--data` may
//! name the socket itself.
//!
//! Both are one [`Door`], on which the typed methods of `rpc` work.

use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dunlin_rpc::client::{CallError, SocketClient};
use dunlin_rpc::method::admin::AdminClient as _;
use jsonrpsee::core::client::{BatchResponse, ClientT, Error as ClientError};
use jsonrpsee::core::params::BatchRequestBuilder;
use jsonrpsee::core::traits::ToRpcParams;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::net::UnixStream;
use tokio::time::Instant;
use uuid::Uuid;

use super::engine;
use super::error::Error;
use crate::config;
use crate::machine::SOCKET;
use crate::service::Inside;

/// The longest path that fits into a socket's address everywhere (macOS has room for 104 bytes).
const PATH_MAX: usize = 100;

/// So long a daemon may take to begin anew before a person is sent away: it stops, and opens its files again.
const BACK: Duration = Duration::from_secs(20);
/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// The way to one machine.
#[derive(Debug)]
pub(super) struct Door {
    data: PathBuf,
    way: Way,
}

enum Way {
    Daemon {
        socket: SocketClient,
        /// The folder by which the socket's path is written when it is a long one.
        _folder: Option<File>,
    },
    Here(Box<Inside>),
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Daemon { .. } => "Daemon",
            Self::Here(_) => "Here",
        })
    }
}

impl Door {
    /// The daemon, or the same methods in this process when there is none.
    pub(super) async fn open(data: &Path) -> Result<Self, Error> {
        match Self::daemon(data).await {
            Err(Error::NoDaemon { data }) => {
                let inside = engine::offline(&data).await?;
                Ok(Self { data, way: Way::Here(Box::new(inside)) })
            }
            other => other,
        }
    }

    /// The daemon, for what only a daemon can do.
    pub(super) async fn daemon(data: &Path) -> Result<Self, Error> {
        let refused = |source| Error::NotYours { data: data.to_owned(), source };
        let (path, folder) = reachable(data)?;
        // The client opens a connection for each call; this one only tells whether somebody is there.
        match UnixStream::connect(&path).await {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                return Err(refused(error));
            }
            Err(error) if is_absent(error.kind()) => {
                look_for_machine(data)?;
                return Err(Error::NoDaemon { data: data.to_owned() });
            }
            Err(source) => return Err(Error::Socket { data: data.to_owned(), source }),
        }
        let socket = SocketClient::new(path);
        let way = Way::Daemon { socket, _folder: folder };
        Ok(Self { data: data.to_owned(), way })
    }

    /// Waits until the daemon answers under its new id, for a while; without a daemon there is nothing to wait for.
    pub(super) async fn comes_back_as(&self, id: Uuid) -> bool {
        if matches!(self.way, Way::Here(_)) {
            return true;
        }
        let late = Instant::now() + BACK;
        while Instant::now() < late {
            if let Ok(door) = Self::daemon(&self.data).await
                && door.machine_status().await.is_ok_and(|status| status.machine.id == id)
            {
                return true;
            }
            tokio::time::sleep(LOOK).await;
        }
        false
    }

    /// Waits for an answer, and says what went wrong in our words.
    pub(super) async fn ask<T>(
        &self,
        answer: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, Error> {
        let data = || self.data.clone();
        answer.await.map_err(|error| match CallError::from(error) {
            CallError::Fault(fault) => Error::Refused(fault),
            CallError::Unreachable(_) => Error::NoDaemon { data: data() },
            CallError::NotAllowed(source) => Error::NotYours { data: data(), source },
            CallError::Strange(source) => Error::Answer { source },
            other => Error::Silent { data: data(), source: other },
        })
    }
}

/// The path at which the socket can be reached, and what must stay open for it.
fn reachable(data: &Path) -> Result<(PathBuf, Option<File>), Error> {
    if std::fs::metadata(data).is_ok_and(|found| found.file_type().is_socket()) {
        return Ok((data.to_owned(), None));
    }
    let path = data.join(SOCKET);
    if path.as_os_str().len() <= PATH_MAX {
        return Ok((path, None));
    }
    // A socket's address has room for some hundred bytes; through the open folder it always fits.
    let folder = File::open(data).map_err(|source| match source.kind() {
        ErrorKind::NotFound => Error::NoMachine { data: data.to_owned() },
        ErrorKind::PermissionDenied => Error::NotYours { data: data.to_owned(), source },
        _ => Error::Socket { data: data.to_owned(), source },
    })?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
    Ok((path, Some(folder)))
}

/// No socket, or one that a daemon left behind when it was killed.
fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory)
}

/// Tells a folder without a machine from a machine without a daemon.
pub(super) fn look_for_machine(data: &Path) -> Result<(), Error> {
    match std::fs::metadata(data.join(config::FILE)) {
        Ok(_) => Ok(()),
        Err(source) if source.kind() == ErrorKind::PermissionDenied => {
            Err(Error::NotYours { data: data.to_owned(), source })
        }
        Err(_) => Err(Error::NoMachine { data: data.to_owned() }),
    }
}

impl ClientT for Door {
    async fn notification<Params>(&self, method: &str, params: Params) -> Result<(), ClientError>
    where
        Params: ToRpcParams + Send,
    {
        self.request::<Box<RawValue>, _>(method, params).await.map(drop)
    }

    async fn request<R, Params>(&self, method: &str, params: Params) -> Result<R, ClientError>
    where
        R: DeserializeOwned,
        Params: ToRpcParams + Send,
    {
        match &self.way {
            Way::Daemon { socket, .. } => socket.request(method, params).await,
            Way::Here(inside) => inside.request(method, params).await,
        }
    }

    async fn batch_request<'a, R>(
        &self,
        _batch: BatchRequestBuilder<'a>,
    ) -> Result<BatchResponse<'a, R>, ClientError>
    where
        R: DeserializeOwned + fmt::Debug + 'a,
    {
        Err(ClientError::Custom("the command line sends single calls".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use dunlin_rpc::dialect::Api;
    use dunlin_rpc::gate::{Gate, Judging};
    use dunlin_rpc::method::{Method, Right};
    use dunlin_rpc::{Caller, Code, Fault};
    use jsonrpsee::RpcModule;
    use jsonrpsee::rpc_params;

    use super::*;

    /// Lets everybody through.
    struct Open;

    impl Gate for Open {
        fn judge<'a>(&'a self, _: &'a Caller, _: Right) -> Judging<'a> {
            Box::pin(async { Ok(()) })
        }
    }

    const TABLE: &[Method] = &[Method { name: "twice", params: &["number"], right: Right::Read }];

    fn here() -> Door {
        let mut module = RpcModule::new(());
        module
            .register_method("twice", |params, (), _| {
                let number = params.one::<i64>()?;
                if number > 9 {
                    return Err(Fault::new(Code::Refused, "at most 9").into());
                }
                Ok::<_, jsonrpsee::types::ErrorObjectOwned>(number * 2)
            })
            .unwrap();
        let api = Api { methods: module.into(), table: TABLE, gate: Arc::new(Open) };
        let inside = Inside { api, caller: Caller::socket() };
        Door { data: "/d".into(), way: Way::Here(Box::new(inside)) }
    }

    #[tokio::test]
    async fn without_a_daemon_the_methods_answer_here() {
        let door = here();
        let answer = door.ask(door.request::<i64, _>("twice", rpc_params![4])).await;
        assert_eq!(answer.unwrap(), 8);
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_code_and_sentence() {
        let door = here();
        let told = door.ask(door.request::<i64, _>("twice", rpc_params![10])).await.unwrap_err();
        assert!(matches!(&told, Error::Refused(fault) if fault.code == Code::Refused));
        assert_eq!(told.to_string(), "at most 9");
    }

    #[tokio::test]
    async fn a_folder_without_a_machine_is_told_apart_from_one_without_a_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("none");
        assert!(matches!(Door::daemon(&missing).await, Err(Error::NoMachine { .. })));
        assert!(matches!(Door::daemon(folder.path()).await, Err(Error::NoMachine { .. })));
        std::fs::write(folder.path().join(config::FILE), "").unwrap();
        assert!(matches!(Door::daemon(folder.path()).await, Err(Error::NoDaemon { .. })));
    }

    #[tokio::test]
    async fn a_socket_in_a_long_path_is_reached() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("x".repeat(120));
        std::fs::create_dir(&data).unwrap();
        let (path, _open) = reachable(&data).unwrap();
        let _listener = tokio::net::UnixListener::bind(&path).unwrap();
        assert!(matches!(Door::daemon(&data).await, Ok(Door { way: Way::Daemon { .. }, .. })));
    }

    #[tokio::test]
    async fn a_socket_that_a_killed_daemon_left_is_no_daemon() {
        let folder = tempfile::tempdir().unwrap();
        drop(tokio::net::UnixListener::bind(folder.path().join(SOCKET)).unwrap());
        std::fs::write(folder.path().join(config::FILE), "").unwrap();
        assert!(matches!(Door::daemon(folder.path()).await, Err(Error::NoDaemon { .. })));
    }
}
