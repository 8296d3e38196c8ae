//! Room for requests that wait in the sockets while no owner receives.

use super::ServerError;

/// What the kernel may charge a socket for one datagram of up to 1500 bytes with its bookkeeping.
const CHARGED_BYTES: u64 = 2304;

/// What the sockets may have on its way, as the kernel counts: together less than veth's queue of 256
/// frames holds, of some 800 bytes each. No generator paces a drain, so the link must.
pub(crate) const IN_FLIGHT_BYTES: usize = 160 << 10;

/// Packet memory that `backlog` datagrams take in kernel sockets.
pub(crate) fn packet_bytes(backlog: u32) -> u64 {
    u64::from(backlog) * CHARGED_BYTES
}

/// The receive buffer to ask for, so that any one socket holds the whole backlog. The kernel doubles
/// what it is asked for.
pub(crate) fn socket_bytes(backlog: u32) -> usize {
    usize::try_from(packet_bytes(backlog) / 2).unwrap_or(usize::MAX)
}

/// Refuses a backlog whose packets take more than half of the memory that is available, with the
/// number that would fit.
///
/// # Errors
/// As said.
pub(crate) fn check(backlog: u32, packet_bytes: u64) -> Result<(), ServerError> {
    if backlog == 0 {
        return Ok(());
    }
    let available = sys::environment::available_bytes()
        .map_err(ServerError::io("how much memory is available"))?;
    fits(backlog, packet_bytes, available / 2)
}

fn fits(backlog: u32, packet_bytes: u64, room: u64) -> Result<(), ServerError> {
    if packet_bytes <= room {
        return Ok(());
    }
    let fitting = u128::from(backlog) * u128::from(room) / u128::from(packet_bytes);
    Err(ServerError::Config(format!(
        "{backlog} waiting requests take {} MiB of packet memory, half of what is available is {} \
         MiB: at most {fitting} fit",
        packet_bytes >> 20,
        room >> 20
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_fits_is_refused_with_the_number_that_would() {
        fits(1000, 1 << 20, 1 << 20).unwrap();
        let refused = fits(1000, 4 << 20, 1 << 20).unwrap_err().to_string();
        assert!(refused.contains("at most 250 fit"), "{refused}");
    }

    #[test]
    fn nothing_waits_for_nothing() {
        check(0, u64::MAX).unwrap();
        check(1, u64::MAX).unwrap_err();
    }
}
