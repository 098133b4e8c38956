//! The `regent` binary. Everything is in the library, where tests can reach it.

/// A request allocates about a hundred times, and the system's allocator took a sixth of its time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    regent::cli::main()
}
