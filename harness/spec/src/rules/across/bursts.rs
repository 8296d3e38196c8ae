//! Rules of frames that are sent together: whose frames are, and how often that may be.

use super::Finding;
use crate::load;
use crate::spec::Spec;
use crate::traffic::{FrameArrivals, TrafficSpec};

/// Requests do not come in bursts of so many.
pub(super) fn belong_to_frames(spec: &Spec, findings: &mut Vec<Finding>) {
    if spec
        .load
        .as_ref()
        .is_some_and(|load| !load.every.is_empty())
    {
        let message = "says how often a burst of frames is due, and `workload` has requests: use `load.rates`, and \
                       `workload.arrivals` for bursts";
        findings.push(("load.every".to_owned(), message.to_owned()));
    }
}

/// Bursts have pauses between them, and come to a whole number of frames a second.
pub(super) fn bursts(spec: &Spec, traffic: &TrafficSpec, findings: &mut Vec<Finding>) {
    let mut find = |path: &str, message: String| findings.push((path.to_owned(), message));
    let swept = spec.sweep.as_ref().and_then(|sweep| sweep.burst.as_ref());
    if traffic.arrivals() == FrameArrivals::Saturate {
        let asked = [
            (
                "traffic.burst",
                traffic.burst.is_some_and(|frames| frames > 1),
            ),
            ("sweep.burst", swept.is_some()),
        ];
        for (path, _) in asked.into_iter().filter(|(_, asked)| *asked) {
            let message =
                "a generator that saturates makes no pauses between bursts: use `arrivals: fixed`";
            find(path, message.to_owned());
        }
    }
    let Some(load) = &spec.load else { return };
    if !load.every.is_empty() && !load.rates.is_empty() {
        let message =
            "how often bursts are due gives the rates: leave one of `every` and `rates` out";
        find("load.every", message.to_owned());
    }
    let own = || vec![traffic.burst.unwrap_or(1)];
    let bursts = swept.cloned().unwrap_or_else(own);
    for (index, every) in load.every.iter().enumerate() {
        let part = bursts.iter().find(|burst| !load::whole(**burst, *every));
        if let Some(burst) = part {
            let message = format!(
                "{burst} frame(s) every {every} are no whole number of frames a second: choose a time that divides, such as \
                 100 us"
            );
            find(&format!("load.every[{index}]"), message);
        }
    }
}
