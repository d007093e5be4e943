//! The answering side, with a real machine and no wire: what becomes of work that is under way when a link closes.

use std::time::Duration;

use dunlin_rpc::Identity;
use dunlin_rpc::wire::page::Last;

use super::*;
use crate::init;
use crate::roster::Role;
use crate::roster::statement::Signer;

/// A machine whose shop has a second member, and that member's link, past the roster.
struct Lab {
    _dir: tempfile::TempDir,
    machine: Machine,
    theirs: Identity,
    answering: Answering,
}

impl Lab {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (data, database) = (dir.path().join("data"), dir.path().join("shop.db"));
        std::fs::write(&database, b"").unwrap();
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let settings = init::Settings {
            data: data.clone(),
            database,
            name: Some("a".to_owned()),
            partner_listen: listen,
            admin_listen: listen,
        };
        init::init(&settings, 1).unwrap();
        let machine = Machine::open(&data).unwrap();
        let theirs = Identity::generate().unwrap();
        let key = theirs.public_key();
        machine
            .act(|roster, signer| roster.admit(signer, key, "b", Role::Keeper, "digits"))
            .unwrap();
        let member = machine.member(key.pin()).unwrap();
        let link = machine.links.begin(key.pin(), false, machine.identity().pin());
        let answering = Answering::new(&machine, member, link, ([127, 0, 0, 1], 1).into());
        let lab = Self { _dir: dir, machine, theirs, answering };
        lab.greet().await;
        lab
    }

    async fn greet(&self) {
        let us = greeting(&self.machine);
        let (id, boot) = (self.theirs.public_key().machine_id(), "b".repeat(32));
        let theirs = Greeting { id, boot, name: "b".to_owned(), ..us };
        let nothing = Extensions::new();
        self.answering.partner_greet(&nothing, theirs).await.unwrap();
        let held = self.machine.roster().ids();
        let ask = RosterAsk { held, statements: Vec::new() };
        self.answering.partner_roster(&nothing, ask).await.unwrap();
        let theirs = describe(&self.machine, &HashMap::new()).await.unwrap();
        let ask = Databases { databases: theirs };
        self.answering.partner_databases(&nothing, ask).await.unwrap();
    }

    /// Keeps the database busy until what is answered is dropped.
    async fn occupy(&self) -> std::sync::mpsc::Sender<()> {
        let (held, holding) = std::sync::mpsc::channel::<()>();
        let (started, has_started) = tokio::sync::oneshot::channel();
        let database = self.machine.main_database().unwrap().clone();
        tokio::spawn(async move {
            let waits = move |_: &mut dunlin_schema::Store| {
                started.send(()).unwrap();
                holding.recv_timeout(Duration::from_secs(30)).unwrap_err();
                Ok(())
            };
            database.call(waits).await.unwrap();
        });
        has_started.await.unwrap();
        held
    }

    fn forget(&self) {
        let key = self.theirs.public_key();
        let none = std::collections::BTreeSet::new();
        self.machine
            .act(|roster, signer: Signer<'_>| roster.forget(signer, key, &none, ""))
            .unwrap();
    }
}

fn giving() -> PutPage {
    let page = Page {
        tables: Vec::new(),
        withheld: Vec::new(),
        from: 0,
        next: 0,
        more: false,
        last: Some(Last { knowledge: Vec::new(), floor: 0 }),
    };
    PutPage { database: "main".to_owned(), page, named: false }
}

fn asking() -> GetPage {
    let (database, knowledge) = ("main".to_owned(), Vec::new());
    GetPage { database, cursor: 0, knowledge, now: 0, limit: 1_000, rows: Vec::new() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_a_member_are_taken_and_given() {
    let lab = Lab::new().await;
    let nothing = Extensions::new();
    lab.answering.partner_putdata(&nothing, giving()).await.unwrap();
    lab.answering.partner_getdata(&nothing, asking()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_wait_for_the_database_when_their_machine_is_forgotten_are_not_moved() {
    let lab = Lab::new().await;
    let busy = lab.occupy().await;
    let answering = [lab.answering.clone(), lab.answering.clone()];
    let [putting, getting] = answering;
    let putting =
        tokio::spawn(async move { putting.partner_putdata(&Extensions::new(), giving()).await });
    let getting =
        tokio::spawn(async move { getting.partner_getdata(&Extensions::new(), asking()).await });
    // Both have passed every check at their door, and wait in the database's queue.
    while !(putting.is_finished() || getting.is_finished())
        && lab.machine.main_database().unwrap().waiting() < 2
    {
        tokio::task::yield_now().await;
    }
    lab.forget();
    drop(busy);
    for refused in [putting.await.unwrap().map(drop), getting.await.unwrap().map(drop)] {
        assert_eq!(refused.unwrap_err().message(), Error::Closing.to_string());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_machine_is_refused_rows_and_given_the_roster() {
    let lab = Lab::new().await;
    let nothing = Extensions::new();
    let theirs = lab.theirs.public_key().machine_id();
    lab.machine.pause(Some(theirs)).unwrap();
    let refused = lab.answering.partner_getdata(&nothing, asking()).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::Paused.number(), PAUSED));
    let ask = RosterAsk { held: Vec::new(), statements: Vec::new() };
    let answer = lab.answering.partner_roster(&nothing, ask).await.unwrap();
    assert_eq!(answer.statements.len(), 2);
}
