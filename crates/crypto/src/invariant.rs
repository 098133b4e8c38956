//! Where this crate stops the process.
//!
//! Some calls of aws-lc return an error that no input of ours can cause: lengths are fixed by our
//! types, so only exhausted memory or a broken library remains. Carrying on would mean sealing
//! with an unknown key, so such an error is a broken invariant and not a value. Anything that a
//! stored or received byte can cause is an error instead and never comes here.

/// The value of a call that fails only when aws-lc itself is broken.
pub(crate) fn sound<T, E>(result: Result<T, E>, operation: &'static str) -> T {
    match result {
        Ok(value) => value,
        Err(_) => broken(operation),
    }
}

#[cold]
#[expect(clippy::panic, reason = "a broken invariant stops the process")]
fn broken(operation: &'static str) -> ! {
    panic!("aws-lc failed at {operation}")
}
