//! The one clock of the experiments, CLOCK_MONOTONIC, in nanoseconds.
//!
//! All processes of a host share it, so that a client's intended send time and a server's stamp can
//! be compared. A reading costs about 21 ns (vDSO); the CPU-time clocks cost 20 times as much and are
//! never read per packet.

use std::io;
use std::num::NonZeroU64;

use rustix::thread::clock_nanosleep_absolute;
use rustix::time::{ClockId, Timespec, clock_gettime};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// Nanoseconds of CLOCK_MONOTONIC.
#[inline]
#[must_use]
pub fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * NANOS_PER_SECOND + now.tv_nsec as u64
}

/// Nanoseconds of CPU that the calling thread has used (CLOCK_THREAD_CPUTIME_ID): a system call, some 0.4 us.
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    let used = clock_gettime(ClockId::ThreadCPUTime);
    used.tv_sec as u64 * NANOS_PER_SECOND + used.tv_nsec as u64
}

/// Sleeps until [`now_ns`] has reached `deadline_ns`; returns at once when it already has.
///
/// Signals do not cut it short: a loop that must answer to one sleeps in short steps. How late the
/// thread wakes depends on its timer slack, see [`set_timerslack`].
pub fn sleep_until_ns(deadline_ns: u64) {
    let deadline = Timespec {
        tv_sec: (deadline_ns / NANOS_PER_SECOND) as i64,
        tv_nsec: (deadline_ns % NANOS_PER_SECOND) as _,
    };
    while let Err(error) = clock_nanosleep_absolute(ClockId::Monotonic, &deadline) {
        // The clock exists and the time is normalised, so that nothing but a signal is left.
        debug_assert_eq!(error, rustix::io::Errno::INTR);
    }
}

/// Sets the calling thread's timer slack in nanoseconds; 0 stands for the thread's default (usually
/// 50 µs), 1 is the finest.
///
/// # Errors
/// When the kernel refuses prctl(PR_SET_TIMERSLACK).
pub fn set_timerslack(slack_ns: u64) -> io::Result<()> {
    Ok(rustix::thread::set_current_timer_slack(NonZeroU64::new(
        slack_ns,
    ))?)
}

/// The calling thread's timer slack in nanoseconds.
///
/// # Errors
/// When the kernel refuses prctl(PR_GET_TIMERSLACK).
pub fn timerslack() -> io::Result<u64> {
    Ok(rustix::thread::current_timer_slack()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_wakes_early() {
        set_timerslack(1).expect("any thread may set its slack");
        assert_eq!(timerslack().unwrap(), 1);
        for wait_ns in [0, 1_000, 200_000] {
            let deadline = now_ns() + wait_ns;
            sleep_until_ns(deadline);
            assert!(now_ns() >= deadline);
        }
    }

    #[test]
    fn a_thread_uses_no_cpu_time_while_it_sleeps() {
        let (began, used) = (now_ns(), thread_cpu_ns());
        std::thread::sleep(std::time::Duration::from_millis(50));
        let (passed, used) = (now_ns() - began, thread_cpu_ns() - used);
        assert!(used < passed / 2, "{used} ns of {passed} ns");
    }

    #[test]
    fn a_deadline_in_the_past_returns_at_once() {
        let before = now_ns();
        sleep_until_ns(1);
        assert!(now_ns() - before < NANOS_PER_SECOND);
    }
}
