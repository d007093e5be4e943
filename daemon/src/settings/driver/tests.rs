//! The five minutes, with a real machine and real doors, on a clock that runs by itself while nobody
//! has anything to do.

use std::net::TcpListener;

use super::*;
use crate::init;
use crate::users::Role;

struct Lab {
    _dir: tempfile::TempDir,
    machine: Machine,
    address: SocketAddr,
    tasks: tokio::task::JoinSet<()>,
}

impl Lab {
    async fn new() -> Self {
        Self::with(|_, _| {}).await
    }

    /// With something in the state folder, or on the address, before the daemon starts.
    async fn with(before: impl FnOnce(&std::path::Path, SocketAddr)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (data, database) = (dir.path().join("data"), dir.path().join("shop.db"));
        std::fs::write(&database, b"").unwrap();
        let any = "127.0.0.1:0".parse().ok();
        let name = Some("a".to_owned());
        let settings = init::Settings {
            data: data.clone(),
            database,
            name,
            partner_listen: any,
            admin_listen: any,
        };
        init::init(&settings, 1).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        before(&data, address);
        let machine = Machine::open(&data).unwrap();
        machine.users.add("ann", "correct horse battery", Role::Admin, false).unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        let listening = crate::doors::open(&machine, &mut tasks).await.unwrap();
        machine.set_listening(listening).unwrap();
        Self { _dir: dir, machine, address, tasks }
    }

    async fn open_page(&self) {
        let listen = Some(vec![self.address]);
        let wish = Wish::Network { listen, names: None, certificate: false };
        self.machine.wish(wish, Way::Here).await.unwrap();
    }

    /// Waits until nothing is tried any more.
    async fn settled(&self) {
        let mut changed = self.machine.changed();
        while self.machine.settings().trial().is_some() {
            tokio::time::timeout(2 * super::super::TRIAL, changed.changed())
                .await
                .expect("what nobody kept has to go")
                .unwrap();
        }
    }

    fn is_open(&self) -> bool {
        TcpListener::bind(self.address).is_err()
    }
}

#[tokio::test(start_paused = true)]
async fn what_nobody_keeps_goes_back_by_itself() {
    let lab = Lab::new().await;
    lab.open_page().await;
    assert!(lab.is_open());
    assert_eq!(lab.machine.listening().lan, [lab.address]);
    lab.settled().await;
    assert!(!lab.is_open());
    assert!(lab.machine.listening().lan.is_empty());
    assert!(lab.machine.listening().fingerprint.is_none());
    assert!(!lab.machine.folder.has(FILE));
    assert!(lab.machine.wish(Wish::Keep, Way::Here).await.is_err());
    drop(lab.tasks);
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_does_not_go_back() {
    let lab = Lab::new().await;
    lab.open_page().await;
    lab.machine.wish(Wish::Keep, Way::Here).await.unwrap();
    sleep(2 * super::super::TRIAL).await;
    assert!(lab.is_open());
    assert!(lab.machine.folder.has(FILE));
    drop(lab.tasks);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_opened_is_opened_once_it_can() {
    let mut taken = None;
    let lab = Lab::with(|data, address| {
        let kept = Kept { lan_listen: Some(vec![address]), ..Kept::default() };
        crate::folder::Folder::open(data).unwrap().write(FILE, &kept.text()).unwrap();
        taken = Some(TcpListener::bind(address).unwrap());
    })
    .await;
    assert!(lab.machine.shut().unwrap().contains("another program uses that port"));
    assert!(lab.machine.listening().lan.is_empty());
    sleep(2 * AGAIN).await;
    assert!(lab.machine.shut().is_some());
    drop(taken);
    sleep(2 * AGAIN).await;
    assert_eq!(lab.machine.shut(), None);
    assert_eq!(lab.machine.listening().lan, [lab.address]);
    drop(lab.tasks);
}
