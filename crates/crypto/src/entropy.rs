//! Random bytes from aws-lc's generator, for production.
//!
//! The simulator brings its own [`Entropy`] from a seed. Ephemeral keys of the transport and
//! ML-KEM key pairs come from aws-lc's generator in every case, because aws-lc offers no stable
//! way to give it theirs.

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

    #[test]
    fn draws_differ() {
        SystemEntropy::warm_up();
        assert_ne!(random::<32>(&SystemEntropy), random::<32>(&SystemEntropy));
        SystemEntropy.fill(&mut []);
    }
}
