//! How rates, times and workloads are written for people.

use spec::Counted;

/// One of what is counted.
pub(crate) const fn one(of: Counted) -> &'static str {
    match of {
        Counted::Requests => "request",
        Counted::Frames => "frame",
    }
}

/// Three significant digits at most, without trailing zeros.
fn short(value: f64) -> String {
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn scaled(value: f64) -> String {
    if value >= 1e6 {
        format!("{} M", short(value / 1e6))
    } else if value >= 1e4 {
        format!("{} k", short(value / 1e3))
    } else {
        short(value)
    }
}

/// A rate of requests: `200 kreq/s`.
pub(crate) fn rate(rps: f64) -> String {
    let scaled = scaled(rps);
    if scaled.contains(' ') {
        format!("{scaled}req/s")
    } else {
        format!("{scaled} req/s")
    }
}

/// A rate of frames: `200 kframes/s`; what a generator saturates has none.
pub(crate) fn frame_rate(rate: f64) -> String {
    if rate.is_infinite() {
        return "saturated".to_owned();
    }
    let scaled = scaled(rate);
    if scaled.contains(' ') {
        format!("{scaled}frames/s")
    } else {
        format!("{scaled} frames/s")
    }
}

/// Nanoseconds as microseconds.
pub(crate) fn micros(ns: f64) -> f64 {
    ns / 1e3
}

/// The parts of a workload that are given, from the recorded columns `keys`, `theta` and `get_ratio`.
pub(super) fn workload(
    keys: Option<&str>,
    theta: Option<&str>,
    get_ratio: Option<&str>,
) -> Vec<String> {
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<f64>().ok());
    let keys = number(keys).map(|keys| format!("{} keys", scaled(keys)));
    let popularity = theta.map(|theta| match theta.parse::<f64>() {
        Ok(theta) if theta > 0.0 => format!("Zipf {}", short(theta)),
        Ok(_) | Err(_) => "uniform".to_owned(),
    });
    let gets = number(get_ratio).map(|ratio| format!("{}% get", short(ratio * 100.0)));
    [keys, popularity, gets].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_workloads_read_well() {
        assert_eq!(rate(200_000.0), "200 kreq/s");
        assert_eq!(rate(1_250_000.0), "1.25 Mreq/s");
        assert_eq!(rate(900.0), "900 req/s");
        assert_eq!(frame_rate(10_000.0), "10 kframes/s");
        assert_eq!(frame_rate(f64::INFINITY), "saturated");
        assert_eq!(
            workload(Some("100000"), Some("0.99"), Some("0.95")),
            ["100 k keys", "Zipf 0.99", "95% get"]
        );
        assert_eq!(
            workload(Some("1000"), Some(""), Some("1")),
            ["1000 keys", "uniform", "100% get"]
        );
        assert_eq!(workload(Some("1000"), None, None), ["1000 keys"]);
    }
}
