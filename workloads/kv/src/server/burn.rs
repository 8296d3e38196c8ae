//! Injected service time: the thread that executed a key spins until it has used so much CPU.
//!
//! The thread's own CPU clock costs 0.4 us a look, as much as a short service time may be; the
//! monotonic clock costs 20 ns, but runs on while the thread is off its CPU. So the time is added
//! up from look to look, and what passed between two looks counts only where it is too short for
//! the thread to have been away.

use model::ServiceTimes;

use super::counters::LiveCounts;

/// Longer between two looks than any look takes, and shorter than an interrupt or a time slice.
const AWAY_NS: u64 = 1_000;

/// See the [module](self).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Burn(ServiceTimes);

impl Burn {
    /// Burns these times.
    pub(crate) const fn new(times: ServiceTimes) -> Self {
        Self(times)
    }

    /// Burns the time of the key with this hash, and counts it.
    #[cold]
    pub(crate) fn key(&self, hash: u64, counts: &LiveCounts) {
        counts
            .service_ns
            .add(spin(self.0.of_hash(hash), sys::clock::now_ns));
    }
}

/// Burns the time that a call asks for, and counts it.
pub(crate) fn spin_for(time_ns: u32, counts: &LiveCounts) {
    if time_ns > 0 {
        let used_ns = spin(u64::from(time_ns), sys::clock::now_ns);
        counts.service_ns.add(used_ns);
    }
}

/// Spins until `time_ns` of CPU are used; returns how much was.
fn spin(time_ns: u64, now_ns: impl Fn() -> u64) -> u64 {
    let mut used_ns = 0;
    let mut last_ns = now_ns();
    while used_ns < time_ns {
        std::hint::spin_loop();
        let look_ns = now_ns();
        let passed_ns = look_ns.saturating_sub(last_ns);
        if passed_ns < AWAY_NS {
            used_ns += passed_ns;
        }
        last_ns = look_ns;
    }
    used_ns
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn time_off_the_cpu_does_not_count() {
        let looks = Cell::new(0u64);
        let (tick_ns, away_ns) = (50, 3_000_000);
        let clock = || {
            looks.set(looks.get() + 1);
            // The thread loses its CPU once, after ten looks.
            looks.get() * tick_ns + if looks.get() > 10 { away_ns } else { 0 }
        };
        let used_ns = spin(20_000, clock);
        assert!((20_000..20_000 + tick_ns).contains(&used_ns), "{used_ns}");
        // The step in which it was away is the one that does not count.
        assert_eq!(looks.get(), 1 + 20_000 / tick_ns + 1);
    }

    #[test]
    fn the_real_clock_is_burnt() {
        let before_ns = sys::clock::now_ns();
        let used_ns = spin(200_000, sys::clock::now_ns);
        assert!(used_ns >= 200_000);
        assert!(sys::clock::now_ns() - before_ns >= used_ns);
    }
}
