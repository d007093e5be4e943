//! `dunlin users` and `dunlin tokens`: who may call, with what.
//!
//! A secret that is made here is the answer, alone on standard output; the words go beside it.

use chrono::Utc;
use dunlin_rpc::Secret;
use dunlin_rpc::method::access::AccessClient as _;
use serde::Serialize;

use super::args::{Here, Role, TokenAct, Tokens, UserAct, Users};
use super::commands::{Ended, print};
use super::door::Door;
use super::error::Error;
use super::exit::Exit;
use super::output::{self, Look};
use super::{ask, show, text};
use crate::users::propose;

/// The JSON form of a change that may have made a password.
#[derive(Serialize)]
struct Made<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<&'a Secret<String>>,
}

/// A password, and whether it was made here.
struct Password {
    secret: Secret<String>,
    made: bool,
}

impl Password {
    /// From a prompt or standard input; made when asked for, or when nothing is typed.
    fn get(generate: bool) -> Result<Self, Error> {
        let given = if generate { None } else { ask::new_password()? };
        if let Some(secret) = given {
            return Ok(Self { secret, made: false });
        }
        let secret = propose().map_err(|source| Error::Propose { source })?;
        Ok(Self { secret, made: true })
    }

    /// Prints that it was taken, and itself if nobody knows it yet.
    fn print(&self, here: &Here, words: String) -> Result<(), Error> {
        let password = self.made.then_some(&self.secret);
        let made = Made { password };
        if let Some(password) = password.filter(|_| !here.json) {
            output::answer(password.expose());
            output::say(&format!("{words} This is the password, and it is shown only now."));
            return Ok(());
        }
        print(here, "user", &made, || words)
    }
}

pub(super) async fn users(args: &Users) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    let here = &args.here;
    match &args.act {
        UserAct::List => {
            let users = door.ask(door.users_list()).await?;
            print(here, "users", &users, || show::users(&users, Look::of_stdout()))?;
        }
        UserAct::Add { name, role, generate, old_caller } => {
            let password = Password::get(*generate)?;
            let (role, old) = (role.as_str(), old_caller.then_some(true));
            let secret = password.secret.clone();
            door.ask(door.users_add(name.clone(), role.to_owned(), secret, old)).await?;
            let name = text::foreign(name);
            password.print(here, format!("Added user “{name}” with the role {role}."))?;
        }
        UserAct::Passwd { name, generate } => {
            let password = Password::get(*generate)?;
            door.ask(door.users_passwd(name.clone(), password.secret.clone())).await?;
            let name = text::foreign(name);
            password.print(here, format!("User “{name}” has a new password."))?;
        }
        UserAct::Role { name, role, generate } => {
            let shown = text::foreign(name);
            let words = format!("User “{shown}” has the role {} now.", role.as_str());
            let (name, word) = (name.clone(), role.as_str().to_owned());
            if *role == Role::Admin || *generate {
                let password = Password::get(*generate)?;
                let secret = Some(password.secret.clone());
                door.ask(door.users_role(name, word, secret)).await?;
                password.print(here, words)?;
            } else {
                door.ask(door.users_role(name, word, None)).await?;
                print(here, "user", &(), || words)?;
            }
        }
        UserAct::Remove { name } => {
            door.ask(door.users_remove(name.clone())).await?;
            print(here, "user", &(), || format!("Removed user “{}”.", text::foreign(name)))?;
        }
    }
    Ok(Exit::Ok)
}

pub(super) async fn tokens(args: &Tokens) -> Ended {
    let door = Door::open(&args.here.folder()).await?;
    let here = &args.here;
    match &args.act {
        TokenAct::List => {
            let tokens = door.ask(door.tokens_list()).await?;
            let now = Utc::now().naive_utc();
            print(here, "tokens", &tokens, || show::tokens(&tokens, Look::of_stdout(), now))?;
        }
        TokenAct::Create { name, role, expires, from } => {
            let (word, seconds) = (role.as_str().to_owned(), expires.map(|life| life.as_secs()));
            let asked = door.tokens_create(name.clone(), word, seconds, from.clone());
            let made = door.ask(asked).await?;
            print(here, "token", &made, || made.token.expose().clone())?;
            if !here.json {
                let until = made.entry.expires.as_deref().map_or_else(
                    || "is good until it is revoked".to_owned(),
                    |end| format!("ends {}", text::from_now(end, Utc::now().naive_utc())),
                );
                output::say(&format!(
                    "It allows what the role {} allows, and {until}. It is shown only now.",
                    role.as_str()
                ));
            }
        }
        TokenAct::Revoke { name } => {
            let ended = door.ask(door.tokens_revoke(name.clone())).await?;
            print(here, "token", &ended, || {
                format!("Revoked token “{}”.", text::foreign(&ended.name))
            })?;
        }
    }
    Ok(Exit::Ok)
}
