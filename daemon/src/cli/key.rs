//! `dunlin key`: the pin to compare by eye, and a new key.

use std::fmt::Write as _;

use chrono::{NaiveDateTime, Utc};
use dunlin_rpc::method::key::KeyClient as _;
use dunlin_rpc::wire::key::{KeyRotated, KeyStatus, Rotation};

use super::args::{Key, KeyAct};
use super::ask;
use super::commands::{Ended, print};
use super::door::Door;
use super::exit::Exit;
use super::text::{count, foreign, from_now, name_list};

pub(super) async fn key(args: &Key) -> Ended {
    let (here, data) = (&args.here, args.here.folder());
    match args.act {
        KeyAct::Show => {
            let door = Door::open(&data).await?;
            let status = door.ask(door.key_show()).await?;
            print(here, "key", &status, || shown(&status, Utc::now().naive_utc()))?;
        }
        KeyAct::Rotate { yes } => {
            let door = Door::daemon(&data).await?;
            if !yes {
                ask::agree("This machine gets a new key, and open invites end.")?;
            }
            let rotated = door.ask(door.key_rotate()).await?;
            print(here, "rotated", &rotated, || told(&rotated))?;
        }
    }
    Ok(Exit::Ok)
}

/// A pin in groups of four, which eyes can follow from one screen to the other.
fn grouped(pin: &str) -> String {
    let mut text = String::with_capacity(pin.len() + pin.len() / 4);
    for (at, digit) in foreign(pin).chars().enumerate() {
        if at > 0 && at % 32 == 0 {
            text.push_str("\n         ");
        } else if at > 0 && at % 4 == 0 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

fn shown(status: &KeyStatus, now: NaiveDateTime) -> String {
    let mut text = format!("Machine  {}\nPin      {}\n", status.id, grouped(&status.pin));
    if let Some(since) = &status.since {
        let _ = write!(text, "Since    {} ({})", foreign(since), from_now(since, now));
        if status.rotations > 0 {
            let _ = write!(text, ", rotated {}", count(status.rotations, "time", "times"));
        }
        text.push('\n');
    }
    if let Some(rotation) = &status.rotation {
        text += &under_way(rotation);
    }
    text
}

/// A line about a rotation of which some have not heard; it ends by itself.
pub(super) fn under_way(rotation: &Rotation) -> String {
    let members = count(rotation.waiting.len() as u64, "member has", "members have");
    let names = name_list(&rotation.waiting);
    format!("Key rotation under way: {members} not heard yet ({names})\n")
}

fn told(rotated: &KeyRotated) -> String {
    let mut text = format!("This machine has a new key.\nPin      {}\n", grouped(&rotated.pin));
    match rotated.waiting.as_slice() {
        [] => text += "Every member knows it; the old one is deleted.\n",
        waiting => {
            let names = name_list(waiting);
            let _ = writeln!(
                text,
                "It is being told to {names}; the old one is kept until each has heard."
            );
        }
    }
    if rotated.uninvited > 0 {
        let machines = count(rotated.uninvited, "machine", "machines");
        let _ = writeln!(
            text,
            "Open invites for {machines} ended; make new ones with `dunlin invite`."
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

    #[test]
    fn a_pin_is_shown_in_groups_to_compare_by_eye() {
        let now =
            NaiveDateTime::parse_from_str("2026-03-02 12:00:00", "%Y-%m-%d %H:%M:%S").unwrap();
        let status = KeyStatus {
            pin: PIN.to_owned(),
            since: Some("2026-03-01 12:00:00".to_owned()),
            rotations: 1,
            rotation: Some(Rotation { since: None, waiting: vec!["attic".to_owned()] }),
            ..KeyStatus::default()
        };
        let told = "\
Machine  00000000-0000-0000-0000-000000000000
Pin      0011 2233 4455 6677 8899 aabb ccdd eeff
         0011 2233 4455 6677 8899 aabb ccdd eeff
Since    2026-03-01 12:00:00 (1 day ago), rotated 1 time
Key rotation under way: 1 member has not heard yet (attic)
";
        assert_eq!(shown(&status, now), told);
    }

    #[test]
    fn a_rotation_is_told_with_what_ended_by_it() {
        let rotated = KeyRotated {
            pin: PIN.to_owned(),
            uninvited: 3,
            waiting: vec!["till 2".to_owned(), "\u{1b}[2Jattic".to_owned()],
        };
        let text = told(&rotated);
        assert!(text.contains("told to till 2, \\u{1b}[2Jattic; the old one is kept"), "{text}");
        assert!(text.contains("Open invites for 3 machines ended"), "{text}");
        let text = told(&KeyRotated { pin: PIN.to_owned(), ..KeyRotated::default() });
        assert!(text.contains("Every member knows it") && !text.contains("invite"), "{text}");
    }
}
