//! IPv4 options (RFC 791, section 3.1). A router may pass on those that it does not know (RFC 1812, 5.2.4.1); this one executes
//! none. It records no route and no time, and discards what would choose its own way, as is advised (RFC 7126, 4.3 and 4.4).

use super::super::outcome::Drop;

const END: u8 = 0;
const NOTHING: u8 = 1;
const LOOSE_SOURCE_ROUTE: u8 = 131;
const STRICT_SOURCE_ROUTE: u8 = 137;
/// Of an option's kind: that it stands in every fragment, and not in the first one alone.
const COPIED: u8 = 0x80;

/// Bytes of the option that begins there; nothing where it does not lie within the header.
fn len_at(options: &[u8], at: usize) -> Option<usize> {
    match options[at] {
        END | NOTHING => Some(1),
        _ => {
            let len = usize::from(*options.get(at + 1)?);
            (len >= 2 && at + len <= options.len()).then_some(len)
        }
    }
}

/// Whether a packet with these options may go on.
#[cold]
pub(super) fn check(options: &[u8]) -> Result<(), Drop> {
    let mut at = 0;
    while at < options.len() && options[at] != END {
        if matches!(options[at], LOOSE_SOURCE_ROUTE | STRICT_SOURCE_ROUTE) {
            return Err(Drop::SourceRoute);
        }
        at += len_at(options, at).ok_or(Drop::Options)?;
    }
    Ok(())
}

/// Blanks those that stand in the first fragment alone, so that the header keeps its length.
pub(in crate::router) fn keep_copied(options: &mut [u8]) {
    let mut at = 0;
    while at < options.len()
        && options[at] != END
        && let Some(len) = len_at(options, at)
    {
        if options[at] & COPIED == 0 {
            options[at..at + len].fill(NOTHING);
        }
        at += len;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECURITY: [u8; 4] = [130, 4, 7, 8];
    const RECORD_ROUTE: [u8; 7] = [7, 7, 4, 0, 0, 0, 0];

    #[test]
    fn only_sound_options_that_choose_no_way_pass() {
        let joined = |parts: &[&[u8]]| check(&parts.concat());
        assert_eq!(joined(&[&SECURITY, &[NOTHING], &RECORD_ROUTE]), Ok(()));
        assert_eq!(joined(&[]), Ok(()));
        for kind in [LOOSE_SOURCE_ROUTE, STRICT_SOURCE_ROUTE] {
            let route = [kind, 7, 4, 0, 0, 0, 0];
            assert_eq!(joined(&[&SECURITY, &route]), Err(Drop::SourceRoute));
            assert_eq!(joined(&[&SECURITY, &[END], &route]), Ok(()), "behind them");
        }
        for broken in [&[30][..], &[30, 0, 0, 0], &[30, 1, 0, 0], &[30, 5, 0, 0]] {
            assert_eq!(joined(&[&SECURITY, broken]), Err(Drop::Options));
        }
    }

    #[test]
    fn later_fragments_have_the_copied_ones_alone() {
        let mut options = [&RECORD_ROUTE[..], &SECURITY, &[END]].concat();
        keep_copied(&mut options);
        assert_eq!(options, [&[NOTHING; 7][..], &SECURITY, &[END]].concat());
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_looked_at(mut options in prop::collection::vec(any::<u8>(), 0..=40)) {
            let before = check(&options);
            keep_copied(&mut options);
            prop_assert_eq!(check(&options), before);
        }
    }
}
