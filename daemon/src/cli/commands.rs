//! The commands: what each asks of the machine, and how its answer is shown.

pub(super) mod shop;

use chrono::Utc;
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::method::overview::OverviewClient as _;
use serde::Serialize;

use super::args::{
    Check, ConflictAct, Conflicts, Demo, Held, HeldAct, Here, History, Init, Invite, Sync, Tables,
    TablesAct, Track,
};
use super::door::{self, Door};
use super::error::Error;
use super::exit::Exit;
use super::output::{self, Look};
use super::{ask, engine, show, text};
use crate::{demo, init};

pub(super) type Ended = Result<Exit, Error>;

/// Prints an answer in the form that was asked for.
pub(super) fn print(
    here: &Here,
    list: &str,
    result: &impl Serialize,
    shown: impl FnOnce() -> String,
) -> Result<(), Error> {
    if here.json {
        let json = output::json(result, list).map_err(|source| Error::Answer { source })?;
        output::answer(&json);
    } else {
        output::answer(&shown());
    }
    Ok(())
}

pub(super) fn init(args: &Init) -> Ended {
    let settings = init::Settings {
        data: args.here.folder(),
        database: args.database.clone(),
        name: args.name.clone(),
        partner_listen: args.partner_listen,
        admin_listen: args.admin_listen,
    };
    let made = init::init(&settings, Utc::now().timestamp_millis())?;
    print(&args.here, "machine", &made, || {
        let data = made.data.display();
        format!(
            "Made machine “{}” with id {} in {data}.\n\
             Next: `dunlin track --data {data} --all` on the first machine of a shop, then `dunlin run --data {data}`; \
             a further machine runs and joins, and tracks what the shop tracks.\n",
            text::foreign(&made.name),
            made.id,
        )
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn track(args: &Track) -> Ended {
    let track = args.how.track(&args.tables, &args.except);
    if args.dry_run {
        let folder = args.here.folder();
        door::look_for_machine(&folder)?;
        return answer_check(args.here.json, &engine::would_track(&folder, track)?);
    }
    let door = Door::open(&args.here.folder()).await?;
    let done = door.ask(door.tables_track(track)).await?;
    print(&args.here, "tables", &done, || show::tracked(&done))?;
    // With --all, what cannot be tracked was not asked for by name; else it was, and is missing now.
    Ok(if args.all || done.refused.is_empty() { Exit::Ok } else { Exit::Failed })
}

pub(super) fn check(args: &Check) -> Ended {
    let track = args.how.track(&args.tables, &args.except);
    answer_check(args.json, &engine::check(&args.file, track)?)
}

fn answer_check(json: bool, checked: &crate::check::Checked) -> Ended {
    let here = Here { data: None, json };
    print(&here, "check", checked, || show::checked(checked, Look::of_stdout()))?;
    Ok(if checked.needs_a_person() { Exit::Attention } else { Exit::Ok })
}

pub(super) async fn invite(args: &Invite) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    let expires = args.expires.as_secs();
    let role = args.role.map(|role| role.word().to_owned());
    let made = door.ask(door.pairing_invite(Some(args.uses), Some(expires), role)).await?;
    print(&args.here, "invite", &made, || made.token.expose().clone())?;
    if !args.here.json {
        let uses = text::count(u64::from(made.uses), "machine", "machines");
        let until = text::from_now(&made.expires, Utc::now().naive_utc());
        output::say(&format!(
            "It lets {uses} in and ends {until}; run `dunlin join` there. Whoever has it can join."
        ));
    }
    Ok(Exit::Ok)
}

pub(super) async fn join(here: &Here) -> Ended {
    // The machine first: nobody should look for a token only to hear that there is no machine.
    let door = Door::open(&here.folder()).await?;
    let token = ask::token()?;
    let done = door.ask(door.pairing_join(token)).await?;
    if let Some(id) = done.new_id {
        output::say(show::BEGAN_ANEW);
        if !door.comes_back_as(id).await {
            output::say("The daemon is not back yet; `dunlin status` says when it is.");
        }
    }
    print(here, "joined", &done, || show::joined(&done))?;
    Ok(Exit::Ok)
}

pub(super) async fn status(here: &Here) -> Ended {
    let door = Door::open(&here.folder()).await?;
    let status = door.ask(door.machine_status()).await?;
    let now = Utc::now().naive_utc();
    print(here, "status", &status, || show::status(&status, Look::of_stdout(), now))?;
    Ok(if show::needs_a_person(&status) { Exit::Attention } else { Exit::Ok })
}

pub(super) async fn tables(args: &Tables) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    if let Some(TablesAct::Untrack { tables }) = &args.act {
        let done = door.ask(door.tables_untrack(tables.clone(), None)).await?;
        print(&args.here, "untracked", &done, || show::untracked(&done))?;
        return Ok(Exit::Ok);
    }
    let tables = door.ask(door.tables_list()).await?;
    let others = door.ask(door.tables_candidates()).await?;
    print(&args.here, "tables", &tables, || show::tables(&tables, &others, Look::of_stdout()))?;
    Ok(Exit::Ok)
}

pub(super) async fn history(args: &History) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    let asked = door.history_list(args.partner.clone(), args.since.clone(), Some(args.limit), None);
    let sessions = door.ask(asked).await?;
    let now = Utc::now().naive_utc();
    print(&args.here, "history", &sessions, || show::history(&sessions, Look::of_stdout(), now))?;
    Ok(Exit::Ok)
}

pub(super) async fn held(args: &Held) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    match &args.act {
        None => {
            let rows = door.ask(door.held_list(Some(args.limit))).await?;
            let now = Utc::now().naive_utc();
            print(&args.here, "held", &rows, || show::held(&rows, Look::of_stdout(), now))?;
            Ok(Exit::Ok)
        }
        Some(HeldAct::Retry { number }) => {
            let done = door.ask(door.held_retry(*number)).await?;
            print(&args.here, "retried", &done, || show::retried(done))?;
            Ok(if done.shown < done.tried { Exit::Attention } else { Exit::Ok })
        }
        Some(HeldAct::Accept(which)) => {
            if which.all && !which.yes {
                ask::agree("All rows whose delete waits for a person are deleted here.")?;
            }
            let done = door.ask(door.held_accept(which.number)).await?;
            print(&args.here, "decided", &done, || show::decided(done, "deleted here"))?;
            Ok(if done.rows == 0 && done.waiting > 0 { Exit::Attention } else { Exit::Ok })
        }
        Some(HeldAct::Keep(which)) => {
            let done = door.ask(door.held_keep(which.number)).await?;
            print(&args.here, "decided", &done, || show::decided(done, "kept on every machine"))?;
            Ok(Exit::Ok)
        }
        Some(HeldAct::Give(given)) => {
            let values = given.values.iter().map(|(column, value)| (column, Some(value)));
            let values = values.chain(given.null.iter().map(|column| (column, None)));
            let values = values.map(|(column, value)| (column.clone(), value.cloned())).collect();
            door.ask(door.held_give(given.number, values)).await?;
            print(&args.here, "given", &(), || {
                format!(
                    "Row {} stands in its table now, and on every machine that hears of it.",
                    given.number
                )
            })?;
            Ok(Exit::Ok)
        }
    }
}

pub(super) async fn conflicts(args: &Conflicts) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    match args.act {
        None => {
            let lost = door.ask(door.conflicts_list(Some(args.limit))).await?;
            let now = Utc::now().naive_utc();
            print(&args.here, "conflicts", &lost, || {
                show::conflicts(&lost, Look::of_stdout(), now)
            })?;
        }
        Some(ConflictAct::Restore { number }) => {
            door.ask(door.conflicts_restore(number)).await?;
            print(&args.here, "restored", &(), || {
                format!("Put back the version that lost in conflict {number}.")
            })?;
        }
        Some(ConflictAct::Keep { number }) => {
            door.ask(door.conflicts_keep(number)).await?;
            print(&args.here, "kept", &(), || {
                format!("Conflict {number} is settled as it stands.")
            })?;
        }
    }
    Ok(Exit::Ok)
}

pub(super) async fn sync(args: &Sync) -> Ended {
    let door = Door::daemon(&args.here.folder()).await?;
    let done = door.ask(door.sync_now(args.partner.clone(), Some(args.wait))).await?;
    print(&args.here, "sync", &done, || show::synced(&done))?;
    Ok(if args.wait && !done.equal { Exit::Attention } else { Exit::Ok })
}

pub(super) async fn demo(args: &Demo) -> Ended {
    let selling = args.seconds.map(|seconds| std::time::Duration::from_secs(seconds.into()));
    let ended = demo::run(&demo::Options { machines: args.machines, selling }).await?;
    Ok(match ended {
        demo::End::Equal | demo::End::Stopped => Exit::Ok,
        demo::End::NotEqual => Exit::Attention,
    })
}
