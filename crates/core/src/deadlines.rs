//! Things to do at a point in time: deletion windows and forgotten tombstones.
//!
//! Deadlines are durable records in order of time. The shell asks for the next one and calls
//! [`handle`] when it has come; a deadline that was moved or withdrawn does nothing.

