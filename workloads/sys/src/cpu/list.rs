//! The kernel's texts for several CPUs: lists (`0-3,8,10-11`) and masks (`00000000,00000d0f`).

use std::io;

use super::CpuId;
use crate::error::malformed;

/// Parses a CPU list as sysfs and the kernel's command line write it; an empty text is an empty list.
///
/// # Errors
/// `InvalidData`, quoting the text, when it is not such a list or a range runs backwards.
pub fn parse_list(text: &str) -> io::Result<Vec<CpuId>> {
    let wrong = || malformed(format!("'{text}' is not a CPU list"));
    let mut cpus = Vec::new();
    for range in text.trim().split(',').filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let first: u32 = first.parse().map_err(|_| wrong())?;
        let last: u32 = last.parse().map_err(|_| wrong())?;
        if first > last {
            return Err(wrong());
        }
        cpus.extend((first..=last).map(CpuId));
    }
    cpus.sort_unstable();
    cpus.dedup();
    Ok(cpus)
}

/// Writes a CPU list with runs joined; the inverse of [`parse_list`] for sorted input.
#[must_use]
pub fn format_list(cpus: &[CpuId]) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for cpu in cpus {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == cpu.0 => *last = cpu.0,
            Some(_) | None => ranges.push((cpu.0, cpu.0)),
        }
    }
    let written: Vec<String> = ranges
        .into_iter()
        .map(|(first, last)| {
            if first == last {
                first.to_string()
            } else {
                format!("{first}-{last}")
            }
        })
        .collect();
    written.join(",")
}

/// Writes a mask of CPUs in hexadecimal in the form in which the kernel shows one: as many digits as `present` has, in groups of
/// eight, so that what is read after writing is what was written. CPUs beyond its width are left out.
#[must_use]
pub fn format_mask(present: &str, cpus: &[CpuId]) -> String {
    let digits = present.chars().filter(char::is_ascii_hexdigit).count() as u32;
    let digit = |at: u32| {
        let bits = cpus.iter().filter(|cpu| cpu.0 / 4 == at);
        let value = bits.fold(0, |value, cpu| value | 1 << (cpu.0 % 4));
        char::from_digit(value, 16).unwrap_or('0')
    };
    let mut mask = String::new();
    for at in (0..digits).rev() {
        mask.push(digit(at));
        if at % 8 == 0 && at > 0 {
            mask.push(',');
        }
    }
    mask
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_sysfs_writes() {
        let ids = |text| {
            parse_list(text)
                .unwrap()
                .iter()
                .map(|cpu| cpu.0)
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("0-1"), [0, 1]);
        assert_eq!(ids("0-2,8,10-11\n"), [0, 1, 2, 8, 10, 11]);
        assert_eq!(ids(""), [0_u32; 0]);
    }

    #[test]
    fn refuses_what_is_no_list() {
        for text in ["a", "1-", "-1", "3-1", "1 2"] {
            let error = parse_list(text).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
    }

    proptest! {
        #[test]
        fn writing_and_reading_agree(ids in proptest::collection::btree_set(0_u32..300, 0..40)) {
            let ids: BTreeSet<u32> = ids;
            let cpus: Vec<CpuId> = ids.into_iter().map(CpuId).collect();
            prop_assert_eq!(parse_list(&format_list(&cpus)).unwrap(), cpus);
        }
    }

    #[test]
    fn masks_have_the_width_that_the_kernel_shows() {
        let cpus = [0, 5, 33].map(CpuId);
        assert_eq!(format_mask("00000000,00000000", &cpus), "00000002,00000021");
        assert_eq!(format_mask("3", &[CpuId(1)]), "2");
        assert_eq!(format_mask("ff", &[]), "00");
    }
}
