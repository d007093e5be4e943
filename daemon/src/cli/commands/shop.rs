//! The commands about the shop. What cannot be undone is asked for by name: on a terminal the person types it, a
//! script says it with `--confirm`.

use std::io::IsTerminal as _;

use chrono::Utc;
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::method::shop::ShopClient as _;
use dunlin_rpc::wire::shop::LetIn;

use super::super::args::{Forget, Leave, PartnerAct, Partners, Shop, ShopAct, Whom};
use super::super::ask;
use super::super::door::Door;
use super::super::error::Error;
use super::super::exit::Exit;
use super::super::output::{self, Look};
use super::super::show;
use super::{Ended, print};

pub(in crate::cli) async fn partners(args: &Partners) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    let here = &args.here;
    match &args.act {
        None => {
            let partners = door.ask(door.partners_list()).await?;
            let now = Utc::now().naive_utc();
            print(here, "partners", &partners, || {
                show::partners(&partners, Look::of_stdout(), now)
            })?;
        }
        Some(PartnerAct::Forget(forget)) => {
            let let_in = door.ask(door.partners_let_in(forget.partner.clone())).await?;
            let keep = keep(forget, &let_in)?;
            let staying = show::staying(&let_in, keep.as_deref());
            let asked = asks(forget.confirm.as_deref());
            if asked {
                output::say(staying.trim_end());
            }
            confirmed(forget.confirm.as_deref(), &let_in.name, "forget it for ever")?;
            // By id: between the question and the answer the name may have become another's.
            let wanted =
                if forget.partner == let_in.pin { let_in.pin } else { let_in.id.to_string() };
            let done = door.ask(door.partners_forget(wanted, keep)).await?;
            if !asked {
                output::say(staying.trim_end());
            }
            print(here, "forgotten", &done, || show::forgotten(&done))?;
        }
        Some(PartnerAct::Promote { partner }) => {
            let done = door.ask(door.partners_promote(partner.clone())).await?;
            print(here, "promoted", &done, || show::promoted(&done))?;
        }
        Some(PartnerAct::LetIn { partner, role }) => {
            let role = Some(role.word().to_owned());
            let done = door.ask(door.partners_let_in_again(partner.clone(), role)).await?;
            print(here, "joined", &done, || show::let_in_again(&done))?;
        }
        Some(PartnerAct::Pause(whom)) => {
            let done = door.ask(door.partners_pause(named(whom))).await?;
            print(here, "paused", &done, || show::paused(&done))?;
        }
        Some(PartnerAct::Resume(whom)) => {
            let done = door.ask(door.partners_resume(named(whom))).await?;
            print(here, "paused", &done, || show::paused(&done))?;
        }
    }
    Ok(Exit::Ok)
}

fn named(whom: &Whom) -> Option<String> {
    whom.partner.clone().filter(|_| !whom.all)
}

/// Which of the machines that it let in stay; none for all.
fn keep(forget: &Forget, let_in: &LetIn) -> Result<Option<Vec<String>>, Error> {
    let words =
        if forget.keep.is_empty() && asks(forget.confirm.as_deref()) && !let_in.let_in.is_empty() {
            output::say(show::guests(let_in).trim_end());
            let answer = ask::line("Which of these stay? all, none, or names with commas [all]: ")?;
            answer
                .split(',')
                .map(|word| word.trim().to_owned())
                .filter(|word| !word.is_empty())
                .collect()
        } else {
            forget.keep.clone()
        };
    Ok(match words.as_slice() {
        [] => None,
        [word] if word == "all" => None,
        [word] if word == "none" => Some(Vec::new()),
        _ => Some(words),
    })
}

/// Whether a person is asked: on a terminal, where the answer was not given.
fn asks(confirm: Option<&str>) -> bool {
    confirm.is_none() && std::io::stdin().is_terminal()
}

/// Goes on only when the name was typed, or given.
fn confirmed(given: Option<&str>, name: &str, what: &'static str) -> Result<(), Error> {
    let typed = match given {
        Some(given) => given.to_owned(),
        None if asks(given) => {
            let shown = super::super::text::foreign(name);
            ask::line(&format!("Type “{shown}” to {what}: "))?
        }
        None => return Err(Error::Unconfirmed { what, name: name.to_owned() }),
    };
    if typed.trim() == name.trim() {
        Ok(())
    } else {
        Err(Error::OtherName { name: name.to_owned() })
    }
}

pub(in crate::cli) async fn leave(args: &Leave) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    let status = door.ask(door.machine_status()).await?;
    confirmed(args.confirm.as_deref(), &status.machine.name, "take this machine out of its shop")?;
    let done = door.ask(door.shop_leave()).await?;
    print(&args.here, "left", &done, || show::left(&done))?;
    Ok(Exit::Ok)
}

pub(in crate::cli) async fn shop(args: &Shop) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    let ShopAct::Renew { confirm } = &args.act;
    let status = door.ask(door.machine_status()).await?;
    confirmed(
        confirm.as_deref(),
        &status.machine.name,
        "begin a new shop with this machine alone",
    )?;
    let done = door.ask(door.shop_renew()).await?;
    print(&args.here, "shop", &done, || show::renewed(&done))?;
    Ok(Exit::Ok)
}
