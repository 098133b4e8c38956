//! The network between Regions: it loses, doubles, delays and reorders frames, and is cut.
//!
//! It carries bytes and knows nothing of them. A cut is one-way; a partition is two of them. What
//! is on its way when a link is cut is lost, as is what is sent meanwhile. Nobody is told
//! (promise R4).

use std::collections::BTreeSet;

use regent_core::ids::Region;

use crate::rng::Rng;

/// How bad the network is, in percent and milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub loss: u64,
    pub duplication: u64,
    /// Frames that take up to `delay_ms_max` instead of `latency_ms_max`.
    pub delayed: u64,
    pub latency_ms_max: u64,
    pub delay_ms_max: u64,
}

impl Weather {
    pub const CALM: Self =
        Self { loss: 0, duplication: 0, delayed: 0, latency_ms_max: 20, delay_ms_max: 20 };

    pub fn any(rng: &Rng) -> Self {
        Self {
            loss: rng.between(0, 30),
            duplication: rng.between(0, 20),
            delayed: rng.between(0, 20),
            latency_ms_max: rng.between(5, 60),
            delay_ms_max: rng.between(100, 3000),
        }
    }
}

/// The state of all links.
#[derive(Debug)]
pub struct Net {
    pub weather: Weather,
    cut: BTreeSet<(Region, Region)>,
    down: BTreeSet<Region>,
}

impl Net {
    pub fn new(weather: Weather) -> Self {
        Self { weather, cut: BTreeSet::new(), down: BTreeSet::new() }
    }

    /// The waits after which a frame arrives: none, one, or two of them.
    pub fn send(&self, rng: &Rng, from: Region, to: Region) -> Vec<u64> {
        if !self.passes(from, to) || rng.percent(self.weather.loss) {
            return Vec::new();
        }
        let copies = if rng.percent(self.weather.duplication) { 2 } else { 1 };
        let wait = |_| {
            let late = rng.percent(self.weather.delayed);
            let bound =
                if late { self.weather.delay_ms_max } else { self.weather.latency_ms_max };
            rng.between(1, bound)
        };
        (0..copies).map(wait).collect()
    }

    /// Whether a frame that arrives now gets through.
    pub fn passes(&self, from: Region, to: Region) -> bool {
        !self.down.contains(&from)
            && !self.down.contains(&to)
            && !self.cut.contains(&(from, to))
    }

    pub fn is_down(&self, region: Region) -> bool {
        self.down.contains(&region)
    }

    pub fn set_down(&mut self, region: Region, down: bool) {
        if down {
            self.down.insert(region);
        } else {
            self.down.remove(&region);
        }
    }

    pub fn set_cut(&mut self, from: Region, to: Region, cut: bool) {
        if cut {
            self.cut.insert((from, to));
        } else {
            self.cut.remove(&(from, to));
        }
    }

    pub fn heal(&mut self) {
        *self = Self::new(Weather::CALM);
    }
}
