//! Secrets that a person hands over: the token and the passwords. From a prompt, or standard input.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use dunlin_rpc::Secret;

use super::error::Error;

/// A token is some 200 characters; what is longer is something else.
const TOKEN_MAX: usize = 4_096;

/// Above the longest password that the daemon takes, which says so better than we could.
const PASSWORD_MAX: usize = 1_024;

/// The token of `join`.
pub(super) fn token() -> Result<Secret<String>, Error> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        // The token is shown while it is pasted: it is good once, and a cut one is seen.
        let mut err = std::io::stderr().lock();
        write!(err, "Token: ").and_then(|()| err.flush()).unwrap_or_default();
    }
    let how = "give the line that `dunlin invite` printed on another machine";
    first_line(stdin.lock(), "token", how, TOKEN_MAX).map(|line| Secret(line.trim().to_owned()))
}

/// A new password: typed twice on a terminal, the first line of standard input elsewhere. Whoever
/// types none on a terminal wants one made.
pub(super) fn new_password() -> Result<Option<Secret<String>>, Error> {
    let how = "type it, or give it on standard input";
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        let line = first_line(stdin.lock(), "password", how, PASSWORD_MAX)?;
        return Ok(Some(Secret(line)));
    }
    let prompt = |text| {
        rpassword::prompt_password(text).map_err(|source| Error::Input { what: "password", source })
    };
    let password = prompt("New password (empty: one is made): ")?;
    if password.is_empty() {
        return Ok(None);
    }
    if password == prompt("The same again: ")? {
        Ok(Some(Secret(password)))
    } else {
        Err(Error::PasswordsDiffer)
    }
}

/// Asks a person before something that cannot be taken back; a script says so beforehand.
pub(super) fn agree(what: &str) -> Result<(), Error> {
    let unsaid = Error::Empty { what: "yes", how: "say --yes, or answer at a terminal" };
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(unsaid);
    }
    let mut err = std::io::stderr().lock();
    write!(err, "{what} Go on? [y/N] ").and_then(|()| err.flush()).unwrap_or_default();
    let mut answer = String::new();
    let read = stdin.lock().read_line(&mut answer);
    read.map_err(|source| Error::Input { what: "answer", source })?;
    if matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") { Ok(()) } else { Err(unsaid) }
}

/// A line that a person types on a terminal; empty when they only press Enter.
pub(super) fn line(prompt: &str) -> Result<String, Error> {
    let mut err = std::io::stderr().lock();
    // The question is on the screen before the answer is waited for.
    write!(err, "{prompt}").and_then(|()| err.flush()).unwrap_or_default();
    let how = "type it";
    match first_line(std::io::stdin().lock(), "answer", how, TOKEN_MAX) {
        Err(Error::Empty { .. }) => Ok(String::new()),
        other => other,
    }
}

/// The first line of `input`, without its end. A first line that is empty is nothing.
fn first_line(
    input: impl std::io::BufRead,
    what: &'static str,
    how: &'static str,
    max: usize,
) -> Result<String, Error> {
    let mut line = String::new();
    // Two more than a line may have: for its end, and to see that it is too long.
    let limit = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(2);
    input.take(limit).read_line(&mut line).map_err(|source| Error::Input { what, source })?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.len() > max {
        return Err(Error::TooLong { what, max });
    }
    if line.trim().is_empty() {
        return Err(Error::Empty { what, how });
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &str) -> Result<String, Error> {
        first_line(input.as_bytes(), "token", "give one", 8)
    }

    #[test]
    fn a_secret_is_the_first_line_without_its_end() {
        assert_eq!(read("abc\r\nxyz\n").unwrap(), "abc");
        assert_eq!(read(" a b ").unwrap(), " a b ");
        assert_eq!(read("12345678\n").unwrap(), "12345678");
    }

    #[test]
    fn no_secret_and_too_long_a_one_are_refused() {
        assert!(matches!(read(""), Err(Error::Empty { .. })));
        assert!(matches!(read("\nabc"), Err(Error::Empty { .. })));
        assert!(matches!(read("123456789\n"), Err(Error::TooLong { max: 8, .. })));
    }
}
