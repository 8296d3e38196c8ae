//! Unix time in seconds from the worker loop's monotonic clock, without a second clock read.

use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: u64 = 1_000_000_000;

/// See the [module](self). Steps of the system's clock after the start are not followed, so that
/// expiry is not disturbed by them.
#[derive(Debug)]
pub(crate) struct UnixClock {
    second: u32,
    next_ns: u64,
}

impl UnixClock {
    /// Reads both clocks.
    pub(crate) fn new() -> Self {
        let unix = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let into_second = u64::from(unix.subsec_nanos());
        Self {
            second: u32::try_from(unix.as_secs()).unwrap_or(u32::MAX),
            next_ns: sys::clock::now_ns() + SECOND - into_second,
        }
    }

    /// The Unix time at a monotonic time that is not before the previous one.
    #[inline]
    pub(crate) fn unix(&mut self, now_ns: u64) -> u32 {
        if now_ns >= self.next_ns {
            let passed = (now_ns - self.next_ns) / SECOND + 1;
            self.second = self
                .second
                .saturating_add(u32::try_from(passed).unwrap_or(u32::MAX));
            self.next_ns += passed * SECOND;
        }
        self.second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_pass_on_time_even_when_nobody_looked() {
        let mut clock = UnixClock {
            second: 100,
            next_ns: 500,
        };
        assert_eq!(clock.unix(499), 100);
        assert_eq!(clock.unix(500), 101);
        assert_eq!(clock.unix(500 + 3 * SECOND), 104);
        assert_eq!(clock.unix(499 + 4 * SECOND), 104);
        assert_eq!(clock.unix(500 + 4 * SECOND), 105);
    }
}
