//! What NetSlices lets expect of Maelstrom's goodput, as a share of the throughput. Its numbers do not agree, so
//! each is here by itself; what is measured is judged by counted bytes ([`EncoderCounters`](super::EncoderCounters)).

/// Measured in the paper (section 4.4): a goodput of 6993.69 Mb/s in a throughput of 8952.04 Mb/s, 0.781.
#[must_use]
pub const fn measured_in_the_paper() -> f64 {
    6993.69 / 8952.04
}

/// By the formula that the paper checks this against (section 4.4), whose overhead is c / (r + c): 0.786 for
/// r = 8 and c = 3.
#[must_use]
pub fn by_the_papers_formula(r: u32, c: u32) -> f64 {
    1.0 / (1.0 + f64::from(c) / f64::from(r + c))
}

/// Of packets of one length: r of each r + c, which is 1 / (1 + c / r): 0.727 for r = 8 and c = 3.
#[must_use]
pub fn by_packets(r: u32, c: u32) -> f64 {
    f64::from(r) / f64::from(r + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_numbers() {
        let rounded = [
            measured_in_the_paper(),
            by_the_papers_formula(8, 3),
            by_packets(8, 3),
        ]
        .map(|share| (share * 1000.0).round());
        assert_eq!(rounded, [781.0, 786.0, 727.0]);
    }
}
