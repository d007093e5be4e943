//! Forms about the shop: who is let in, paired, taken out.

use axum::response::Response;
use dunlin_rpc::Secret;
use dunlin_rpc::method::admin::AdminClient as _;
use dunlin_rpc::method::pairing::PairingClient as _;
use dunlin_rpc::method::shop::ShopClient as _;
use jsonrpsee::core::client::Error;

use super::{Done, Filled};
use crate::page::visit::see_other;
use crate::page::words;

/// Forgetting, promoting, letting in again; leaving.
pub(in crate::page) async fn shop(form: Filled) -> Response {
    let (t, inside) = (form.visit.t, &form.visit.inside);
    let done = async {
        Ok(match form.what.as_str() {
            "forget" => forget(&form).await?,
            "leave" => {
                let status = inside.machine_status().await?;
                if !form.confirms(&status.machine.name) {
                    return Ok(Done::bad(t.of("said.leave_differs")));
                }
                inside.shop_leave().await?;
                Done::good(t.of("said.left")).at("/")
            }
            "promote" => {
                let changed = inside.partners_promote(form.given("partner")?).await?;
                let name = words::foreign(&changed.name);
                Done::good(t.with("said.promoted", &[("name", &name)]))
            }
            _ => {
                let changed = inside.partners_let_in_again(form.given("partner")?, None).await?;
                let name = words::foreign(&changed.name);
                Done::good(t.with("said.let_in_again", &[("name", &name)]))
            }
        })
    };
    form.answer(done.await)
}

async fn forget(form: &Filled) -> Result<Done, Error> {
    let (t, inside) = (form.visit.t, &form.visit.inside);
    let partner = form.given("partner")?;
    let let_in = inside.partners_let_in(partner.clone()).await?;
    if !form.confirms(&let_in.name) {
        let question = format!("/forget?partner={}", let_in.id);
        return Ok(Done::bad(t.of("said.forget_differs")).at(question));
    }
    // By the boxes alone: whom it let in since the question was asked was seen by nobody.
    let changed = inside.partners_forget(partner, Some(form.fields.all("keep"))).await?;
    let name = words::foreign(&changed.name);
    Ok(Done::good(t.count_with("said.forgotten", changed.members, &[("name", &name)])).at("/"))
}

/// Tokens that let machines in, and joining by one.
pub(in crate::page) async fn letting(form: Filled) -> Response {
    let (t, inside) = (form.visit.t, &form.visit.inside);
    let done = async {
        if form.what == "join" {
            let joined = inside.pairing_join(Secret(form.given("invite")?)).await?;
            let by = words::foreign(&joined.by);
            let text = t.count_with("said.joined", joined.members, &[("name", &by)]);
            return Ok(Done::good(text).at("/"));
        }
        let uses = form.fields.get("uses").parse().ok();
        let minutes: Option<u64> = form.fields.get("minutes").parse().ok();
        let seconds = minutes.and_then(|minutes| minutes.checked_mul(60));
        let made = inside.pairing_invite(uses, seconds, None).await?;
        let ends = words::clock(t, &made.expires);
        let about = t.count_with("let_in.made_about", u64::from(made.uses), &[("time", &ends)]);
        let secret = made.token.expose().clone();
        Ok(Done::good(t.of("said.invited")).at("/let-in").showing(secret, about))
    };
    form.answer(done.await)
}

/// Pairing by six digits; its page says how it stands, so there is no note.
pub(in crate::page) async fn pairing(form: Filled) -> Response {
    let inside = &form.visit.inside;
    let done = async {
        match form.what.as_str() {
            "pair" => inside.pairing_begin(form.given("target")?).await,
            "pairing-open" => inside.pairing_open().await,
            "pairing-confirm" => inside.pairing_confirm(form.given("digits")?).await,
            _ => inside.pairing_cancel().await,
        }
    };
    match done.await {
        Ok(_) => see_other("/pair"),
        Err(error) => form.answer(Err(error)),
    }
}
