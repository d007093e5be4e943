//! A partner's page: read or refused; what is read says the same when it is sent on.
#![no_main]

use dunlin_rpc::wire::page::Page;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(page) = serde_json::from_slice::<Page>(data) else { return };
    let text = serde_json::to_string(&page).expect("what was read can be written");
    let again: Page = serde_json::from_str(&text).expect("what was written can be read");
    assert_eq!(again, page);
});
