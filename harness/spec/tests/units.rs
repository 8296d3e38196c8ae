//! Quantities print so that they parse back, and parse exactly or not at all.

use proptest::prelude::*;
use spec::{Bytes, Count, Counted, Duration, Rate, Share};

proptest! {
    #[test]
    fn what_is_printed_parses_back(value: u64) {
        for of in [Counted::Requests, Counted::Frames] {
            let rate = Rate::new(value, of);
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
        }
        prop_assert_eq!(Bytes(value).to_string().parse(), Ok(Bytes(value)));
        prop_assert_eq!(Duration(value).to_string().parse(), Ok(Duration(value)));
        prop_assert_eq!(Count(value).to_string().parse(), Ok(Count(value)));
        prop_assert_eq!(Share(value).to_string().parse(), Ok(Share(value)));
    }

    #[test]
    fn round_values_print_short(value in 1u64..1000) {
        let (requests, frames) = (Rate::requests(value * 1_000_000), Rate::frames(value * 1_000));
        prop_assert_eq!(requests.to_string(), format!("{value} Mreq/s"));
        prop_assert_eq!(frames.to_string(), format!("{value} kframes/s"));
        prop_assert_eq!(Bytes(value << 10).to_string(), format!("{value} KiB"));
    }

    #[test]
    fn no_text_panics(text: String) {
        let _: Result<Rate, _> = text.parse();
        let _: Result<Count, _> = text.parse();
    }
}

#[test]
fn the_examples_of_the_documentation() {
    assert_eq!("2 Mreq/s".parse(), Ok(Rate::requests(2_000_000)));
    assert_eq!("1.5kreq/s".parse(), Ok(Rate::requests(1_500)));
    assert_eq!("1.5 kframes/s".parse(), Ok(Rate::frames(1_500)));
    assert_eq!("7 frames/s".parse(), Ok(Rate::frames(7)));
    assert_eq!("2 KiB".parse(), Ok(Bytes(2048)));
    assert_eq!("0.5 GiB".parse(), Ok(Bytes(512 << 20)));
    assert_eq!("50 us".parse(), Ok(Duration(50_000)));
    assert_eq!("100 k".parse(), Ok(Count(100_000)));
    assert_eq!("20000".parse(), Ok(Count(20_000)));
    assert_eq!("0.5%".parse(), Ok(Share(5_000)));
}

#[test]
fn what_is_not_exact_is_refused() {
    for text in [
        "1.5 req/s",
        "0.0001 kreq/s",
        "99999999999999999999 req/s",
        "18446744073709551615 Mreq/s",
    ] {
        let error = text.parse::<Rate>().expect_err(text).to_string();
        assert!(
            error.contains("is not a whole number of `req/s`"),
            "{error}"
        );
    }
    let frames = "0.5 frames/s".parse::<Rate>().expect_err("half a frame");
    assert!(
        frames
            .to_string()
            .contains("is not a whole number of `frames/s`"),
        "{frames}"
    );
    let unknown = "5 kpps".parse::<Rate>().expect_err("no such unit");
    for unit in ["Mreq/s", "kframes/s"] {
        assert!(unknown.to_string().contains(unit), "{unknown}");
    }
    for text in [
        "",
        "req/s",
        "-1 req/s",
        "1. req/s",
        ".5 kreq/s",
        "1.2.3 req/s",
        "1e3 req/s",
    ] {
        assert!(text.parse::<Rate>().is_err(), "{text}");
    }
    assert!(
        "64 KB"
            .parse::<Bytes>()
            .expect_err("no such unit")
            .to_string()
            .contains("KiB")
    );
}
