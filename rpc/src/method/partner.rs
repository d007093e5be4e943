//! What partners may ask of each other, over a link.

use jsonrpsee::core::{RpcResult, SubscriptionResult};
use jsonrpsee::proc_macros::rpc;

use crate::wire::facts::Facts;
use crate::wire::page::Page;
use crate::wire::partner::{
    Databases, DigestAnswer, DigestAsk, GetPage, Greeting, PartnerEvent, PutAnswer, PutPage,
    RosterAnswer, RosterAsk,
};

/// What members may ask of each other. Greet first, then agree on the roster; nothing else is
/// answered before (`OutOfTurn`).
#[rpc(server, client)]
pub trait Partner {
    /// Who is speaking. Answers the same of this side.
    ///
    /// `IdentityProblem` when id or shop is not that of the key, `OtherProtocol` when the ranges
    /// do not meet.
    #[method(name = "partner_greet", with_extensions)]
    async fn partner_greet(&self, greeting: Greeting) -> RpcResult<Greeting>;

    /// Exchanges the statements that one side lacks. Asked twice: first with what is held, then
    /// with what the other side wanted.
    #[method(name = "partner_roster", with_extensions)]
    async fn partner_roster(&self, ask: RosterAsk) -> RpcResult<RosterAnswer>;

    /// The databases of both sides: epochs, journals, cursors, knowledge, shapes of tables.
    #[method(name = "partner_databases", with_extensions)]
    async fn partner_databases(&self, ask: Databases) -> RpcResult<Databases>;

    /// What machines have seen happen to columns and names of a database: what the asker knows, and all that this side
    /// knows then. Asked where the figures in `partner_databases` differ, before the first page.
    #[method(name = "partner_facts", with_extensions)]
    async fn partner_facts(&self, facts: Facts) -> RpcResult<Facts>;

    /// A page behind a cursor, of at most `limit` bytes and at least one row.
    #[method(name = "partner_getdata", with_extensions)]
    async fn partner_getdata(&self, ask: GetPage) -> RpcResult<Page>;

    /// A page, pushed. `PageGap` when it does not start where the last one ended.
    #[method(name = "partner_putdata", with_extensions)]
    async fn partner_putdata(&self, put: PutPage) -> RpcResult<PutAnswer>;

    /// Rows and digest of each table, and how many rows wait for the asker.
    #[method(name = "partner_digest", with_extensions)]
    async fn partner_digest(&self, ask: DigestAsk) -> RpcResult<DigestAnswer>;

    /// The asker is about to close the link, and says why.
    #[method(name = "partner_leave", with_extensions)]
    async fn partner_leave(&self, reason: String) -> RpcResult<()>;

    /// Tells when a journal moved, the roster grew, or this side leaves.
    #[subscription(
        name = "partner_events" => "partner_event",
        unsubscribe = "partner_events_end",
        item = PartnerEvent,
        with_extensions
    )]
    async fn partner_events(&self) -> SubscriptionResult;
}
