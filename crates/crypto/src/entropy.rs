//! Random bytes from aws-lc's generator, for production.
//!
//! The simulator brings its own [`Entropy`] from a seed. Ephemeral keys of the transport and
//! ML-KEM key pairs come from aws-lc's generator in every case, because aws-lc offers no stable
//! way to give it theirs.

use std::cell::RefCell;

use aws_lc_rs::rand;
use regent_core::ports::Entropy;

use crate::invariant::sound;

/// aws-lc's random generator: seeded by the operating system and CPU jitter, one per thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl SystemEntropy {
    /// Draws once and forgets the result. The first draw of a process gathers entropy for some
    /// 40 ms; calling this at start keeps that out of the first request.
    pub fn warm_up() {
        Self.fill(&mut [0; 32]);
    }
}

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        sound(rand::fill(bytes), "random bytes");
    }
}

/// Bytes that are drawn at once for names.
const DRAWN_LEN: usize = 1024;

/// [`SystemEntropy`] drawn ahead, for names that are told to everybody: ids of requests and records.
///
/// One draw is enough for many of them. Keys and salts are drawn when they are needed: what is handed
/// out here lay in memory before, and is wiped there once it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct IdEntropy;

struct Drawn {
    bytes: [u8; DRAWN_LEN],
    given: usize,
}

thread_local! {
    static DRAWN: RefCell<Drawn> =
        const { RefCell::new(Drawn { bytes: [0; DRAWN_LEN], given: DRAWN_LEN }) };
}

impl Drawn {
    /// `None` if more is wanted than is drawn at once.
    fn give(&mut self, bytes: &mut [u8]) -> Option<()> {
        let len = bytes.len();
        if DRAWN_LEN - self.given < len {
            SystemEntropy.fill(&mut self.bytes);
            self.given = 0;
        }
        let next = self.bytes.get_mut(self.given..self.given + len)?;
        bytes.copy_from_slice(next);
        next.fill(0);
        self.given += len;
        Some(())
    }
}

impl Entropy for IdEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        if DRAWN.with_borrow_mut(|drawn| drawn.give(bytes)).is_none() {
            SystemEntropy.fill(bytes);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use core::cell::Cell;

    use regent_core::ports::random;

    use super::*;

    /// Counts up, byte by byte, from its first value.
    pub(crate) struct Counting(Cell<u8>);

    impl Counting {
        pub(crate) fn from(first: u8) -> Self {
            Self(Cell::new(first))
        }
    }

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.get();
                self.0.set(byte.wrapping_add(1));
            }
        }
    }

    /// No byte is given twice, over the ends of what is drawn at once too, and none stays behind.
    #[test]
    fn ids_never_repeat() {
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..10 * DRAWN_LEN / 24 {
            let id = random::<24>(&IdEntropy);
            assert!(id.chunks(8).all(|part| seen.insert(part.to_vec())));
        }
        DRAWN.with_borrow(|drawn| {
            let (given, waiting) = drawn.bytes.split_at(drawn.given);
            assert!(given.iter().all(|byte| *byte == 0));
            assert!(waiting.iter().any(|byte| *byte != 0));
        });
        let long = random::<{ DRAWN_LEN + 1 }>(&IdEntropy);
        assert!(long.chunks_exact(8).all(|part| seen.insert(part.to_vec())));
    }

    #[test]
    fn draws_differ() {
        SystemEntropy::warm_up();
        assert_ne!(random::<32>(&SystemEntropy), random::<32>(&SystemEntropy));
        SystemEntropy.fill(&mut []);
    }
}
