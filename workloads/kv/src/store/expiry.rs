//! From a client's exptime to a deadline in seconds.
//!
//! Source: memcached's doc/protocol.txt, "Expiration times". Up to 30 days an exptime counts
//! from now, beyond that it is a Unix time; 0 never expires and a negative one has expired.

/// An exptime as a client sends it.
pub type Exptime = i64;

/// Largest exptime that is relative, in seconds.
const RELATIVE_LIMIT: i64 = 60 * 60 * 24 * 30;

/// Unix time in seconds at which an item expires; 0 stands for never.
///
/// `now` is Unix time in seconds. A deadline that does not fit 32 bits is clamped to 2106.
#[must_use]
pub fn deadline(exptime: Exptime, now: u32) -> u32 {
    match exptime {
        0 => 0,
        ..0 => 1,
        1..=RELATIVE_LIMIT => clamp(exptime.saturating_add(i64::from(now))),
        _ => clamp(exptime),
    }
}

fn clamp(seconds: i64) -> u32 {
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u32 = 1_700_000_000;

    #[test]
    fn relative_absolute_never_and_past() {
        assert_eq!(deadline(0, NOW), 0);
        assert_eq!(deadline(-1, NOW), 1);
        assert_eq!(deadline(10, NOW), NOW + 10);
        assert_eq!(deadline(RELATIVE_LIMIT, NOW), NOW + 2_592_000);
        assert_eq!(deadline(RELATIVE_LIMIT + 1, NOW), 2_592_001);
        assert_eq!(deadline(i64::MAX, NOW), u32::MAX);
    }
}
