//! `dunlin settings`: what the daemon runs with, and what of it can be changed while it runs.

use dunlin_rpc::method::settings::SettingsClient as _;

use super::args::{Here, Set, SettingAct, Settings};
use super::commands::{Ended, print};
use super::door::Door;
use super::exit::Exit;
use super::output::Look;
use super::show;

pub(super) async fn settings(args: &Settings) -> Ended {
    let here = &args.here;
    let Some(act) = &args.act else { return all(here).await };
    let door = Door::daemon(&here.folder()).await?;
    let shown = match act {
        SettingAct::Set { setting } => {
            let (level, listen, names) = match setting {
                Set::LogLevel { level } => (Some(level.word().to_owned()), None, None),
                Set::LanListen { addresses } => (None, Some(addresses.clone()), None),
                Set::LanNames { names } => (None, None, Some(names.clone())),
            };
            door.ask(door.settings_set(level, listen, names, None)).await?
        }
        SettingAct::NewCertificate => {
            door.ask(door.settings_set(None, None, None, Some(true))).await?
        }
        SettingAct::Keep => door.ask(door.settings_keep()).await?,
        SettingAct::Undo => door.ask(door.settings_undo()).await?,
    };
    print(here, "settings", &shown, || match (act, &shown.trying) {
        (SettingAct::Set { setting: Set::LogLevel { .. } }, _) => {
            format!("Logged from now on: {}.\n", shown.log_level)
        }
        (SettingAct::Keep, _) => format!("Kept. {}", show::settings::network(&shown.network)),
        (SettingAct::Undo, _) => {
            format!("As it was before. {}", show::settings::network(&shown.network))
        }
        (_, trying) => show::settings::tried(trying.as_ref(), &shown.network),
    })?;
    Ok(Exit::Ok)
}

async fn all(here: &Here) -> Ended {
    let door = Door::open(&here.folder()).await?;
    let shown = door.ask(door.settings_show()).await?;
    print(here, "settings", &shown, || show::settings::all(&shown, Look::of_stdout()))?;
    Ok(Exit::Ok)
}
