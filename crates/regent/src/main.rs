//! The `regent` binary. Everything is in the library, where tests can reach it.

fn main() -> std::process::ExitCode {
    regent::cli::main()
}
