//! Limits: every size, count and wait of the wire, with its reason.

use std::time::Duration;

/// A WebSocket message between partners: the largest row (values of 16 MiB, 21.3 MiB as base64) and room around it.
pub const MESSAGE_BYTES_MAX: u32 = 24 * 1024 * 1024;

/// A message to a machine that anybody may call, while joining is open: a roster of some thousand
/// statements. Strangers send it, so it is small.
pub const JOIN_MESSAGE_BYTES_MAX: u32 = 1024 * 1024;

/// A page, unless the asker says otherwise: some thousands of rows, some milliseconds to send.
pub const PAGE_BYTES: u64 = 1024 * 1024;

/// Columns of a table; SQLite's own default limit is 2 000.
pub const COLUMNS_MAX: usize = 2_000;

/// The name of a table or column in a page: people's are a tenth of it.
pub const NAME_BYTES_MAX: usize = 1_024;

/// Pairs in a row's `seen`: every machine of the largest shop with some epochs each.
pub const SEEN_MAX: usize = 4_096;

/// How deep a request may nest: a script's call nests four deep, a bomb thousands.
pub const DEPTH_MAX: usize = 32;

/// How deep a dump may nest: list, table, rows, row, and a value that is an object.
pub const DUMP_DEPTH_MAX: usize = 8;

/// Calls in one batch: more is better served by a page.
pub const BATCH_MAX: usize = 50;

/// The body of an ordinary call.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;

/// The body of a call that may carry a dump.
pub const DUMP_BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The body of an old caller who sent no name and password in the header: enough for the dumps of
/// 2009, little enough that a stranger's many calls do not fill the memory.
pub const OLD_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A form of the page: the longest names five hundred ticked tables, or an invite.
pub const PAGE_BODY_BYTES_MAX: usize = 64 * 1024;

/// A request's head: a script's has some hundred bytes, a browser's with all its cookies a few
/// thousand.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Elements of any list in a call that carries no dump.
pub const LIST_MAX: usize = 10_000;

/// How deep a message between partners may nest: a page's values nest seven deep.
pub const MESSAGE_DEPTH_MAX: usize = 12;

/// A caller's machine id: old callers use 16 characters, ours 36.
pub const CALLER_ID_CHARS_MAX: usize = 64;

/// A signed statement's body.
pub const STATEMENT_BYTES_MAX: usize = 16 * 1024;

/// A handshake, both ways: thirty round trips of a bad Wi-Fi.
pub const HANDSHAKE: Duration = Duration::from_secs(5);

/// From the first byte of a connection to the end of a request's head.
pub const HEAD: Duration = Duration::from_secs(5);

/// Between two pieces of a request's body, not for the whole of it.
pub const BODY_PAUSE: Duration = Duration::from_secs(30);

/// Between two pieces of a body from the network, where nobody is known yet.
pub const STRANGER_PAUSE: Duration = Duration::from_secs(10);

/// The first `BODY_BYTES_MAX` of any body: 17 KiB a second, so one byte now and then does not do.
pub const BODY_WHOLE: Duration = Duration::from_mins(1);

/// How long a closing caller is waited for, to learn whether the answer was taken.
pub const GOODBYE: Duration = Duration::from_secs(5);

/// Between two heartbeats on a link.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// A link that was silent for so long is dead. It is looked at with each heartbeat, so a pulled cable is noticed
/// within 30 seconds.
pub const SILENCE: Duration = Duration::from_secs(20);

/// How long a dialler waits for the TCP connection: an answer within a LAN takes milliseconds.
pub const DIAL: Duration = Duration::from_secs(5);

/// How long a call over a link may take: a page that the other side writes under load.
pub const CALL: Duration = Duration::from_mins(1);

/// How long a call of a pairing may take: `pair_sure` is answered when a person has typed, and a
/// pairing ends two minutes after it began. A little more, so that the answer is the other side's.
pub const PAIRING_CALL: Duration = Duration::from_secs(130);

/// Connections of this computer at once, on each listener; scripts and one browser need a handful.
pub const ADMIN_CONNECTIONS_MAX: usize = 128;

/// Connections of the network at once, on each listener: some browsers with six each.
pub const NETWORK_CONNECTIONS_MAX: usize = 64;

/// Calls under way on a link: two pages and four small ones, and room for a greeting twice.
pub const LINK_CALLS_MAX: usize = 8;

/// Subscriptions on a link: `partner_events`, and one that is being replaced.
pub const LINK_SUBSCRIPTIONS_MAX: u32 = 2;

/// Calls of more than `BODY_BYTES_MAX` under way on a link: a partner gives one page after another.
pub const LINK_LARGE_CALLS_MAX: usize = 1;

/// Events that wait to be heard by whoever dialled.
pub const LINK_QUEUE_MAX: u32 = 64;

/// Answers that wait to be written to a link: some pages, for one who does not read.
pub const LINK_ANSWERS_MAX: u32 = 16;

/// All bodies above `BODY_BYTES_MAX` together: two of the largest.
pub const LARGE_BODIES_BYTES_MAX: usize = 32 * 1024 * 1024;

/// And those from the network: this computer always finds room for one of the largest.
pub const FAR_BODIES_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How long a large body waits for room before its caller is told to try later.
pub const LARGE_BODY_WAIT: Duration = Duration::from_secs(10);

/// How long a call may go on that was under way when its listener was closed or changed.
pub const LAST_CALL: Duration = Duration::from_secs(10);

/// What a closing caller may still send before the connection is given up.
pub const GOODBYE_BYTES_MAX: usize = 64 * 1024;

/// After a failed accept (usually: out of file descriptors), the pause before the next.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
