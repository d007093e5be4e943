//! A token: read or refused; what is read is written as it was.
#![no_main]

use dunlin::invite::Token;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(token) = Token::parse(text, 0) {
        let again = Token::parse(token.encode().expose(), 0).expect("what was written can be read");
        assert_eq!(again.encode().expose(), token.encode().expose());
    }
});
