//! The `dunlin` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    dunlin::cli::main()
}
