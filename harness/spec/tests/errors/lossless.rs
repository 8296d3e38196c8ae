//! Capacity searches over frames: loss alone is asked for, one way.

use spec::{Counted, LoadPoint, Rate, Spec, searches};

use super::traffic::{FRAMES, refused};

const RATES: &str = "rates: [20 kframes/s]";

fn search(level: &str) -> String {
    format!("capacity: {{from: 1 kframes/s, to: 200 kframes/s, service_level: {{{level}}}}}")
}

#[test]
fn frames_are_searched_by_loss() {
    for level in ["loss: 0 %", "loss: 0.1 %"] {
        let text = FRAMES.replace(RATES, &search(level));
        let spec = Spec::parse(&text, "frames.yaml").unwrap_or_else(|error| panic!("{error}"));
        let searches = searches(&spec);
        assert_eq!(searches.len(), 2, "one for each system");
        for search in searches {
            assert!(search.first().traffic().is_some());
            assert_eq!(
                search.first().load,
                LoadPoint::Open(Rate::new(1_000, Counted::Frames))
            );
        }
    }
}

#[test]
fn what_goes_one_way_has_no_latencies() {
    for limit in ["p50", "p90", "p99", "p99_9"] {
        let message = refused(&[(RATES, &search(&format!("{limit}: 1 ms, loss: 0 %")))]);
        let place = format!("load.capacity.service_level.{limit}");
        assert!(message.contains(&place), "{message}");
        assert!(message.contains("`loss` alone"), "{message}");
    }
}

#[test]
fn what_cannot_be_lossless_or_is_no_search_is_refused() {
    let lossless = search("loss: 0 %");
    let back = refused(&[(RATES, &lossless), ("fixed}", "fixed, round_trip: true}")]);
    assert!(back.contains("leave `round_trip` out"), "{back}");
    let saturating = refused(&[(RATES, &lossless), (", arrivals: fixed", "")]);
    assert!(
        saturating.contains("or use `arrivals: fixed`"),
        "{saturating}"
    );
    let killed = refused(&[
        (RATES, &lossless),
        (
            "  - netslice\n  - kernel_forward\n",
            "  - {system: netslice, isolation: process}\ndisturb: {kill_slice: {slice: 0, after: 100 ms}}\n",
        ),
    ]);
    assert!(
        killed.contains("a slice that is killed loses frames at every rate"),
        "{killed}"
    );
    let both = refused(&[(RATES, &format!("{RATES}, {lossless}"))]);
    assert!(both.contains("a search decides its rates itself"), "{both}");
    let requests = lossless.replace("kframes", "kreq");
    let requests = refused(&[(RATES, &requests)]);
    assert!(requests.contains("write `200 kframes/s`"), "{requests}");
    let nothing = refused(&[(RATES, &search(""))]);
    assert!(nothing.contains("give at least one of"), "{nothing}");
}
