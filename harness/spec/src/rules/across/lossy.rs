//! Rules of the link that loses frames between two proxies: who has one, and what can be lost by it.

use super::Finding;
use crate::spec::Spec;
use crate::traffic::Processor;

/// A link that is to lose must be there, bursts need losses, and no two of the swept values may be the same link.
pub(super) fn losses(spec: &Spec, processor: Processor, findings: &mut Vec<Finding>) {
    let sweep = spec.sweep.clone().unwrap_or_default();
    let (losses, bursts) = (sweep.loss, sweep.loss_burst);
    let mut find = |path: &str, message: String| findings.push((path.to_owned(), message));
    let Some(link) = processor.code() else {
        let lists = [("loss", losses.is_some()), ("loss_burst", bursts.is_some())];
        for (field, _) in lists.into_iter().filter(|(_, given)| *given) {
            let name = processor.name();
            let message = format!(
                "`{name}` has no link that is made to lose frames, so that each value would be the same trial: use \
                 `processor: maelstrom`, or leave it out"
            );
            find(&format!("sweep.{field}"), message);
        }
        return;
    };
    let never = link.loss.get() == 0 && losses.is_none();
    if never && bursts.is_some() {
        let message = "the link loses nothing, so that there are no bursts: set `loss` of `maelstrom`, or sweep it too";
        find("sweep.loss_burst", message.to_owned());
    } else if never && link.burst > 1 {
        let message =
            "the link loses nothing, so that there are no bursts: set `loss`, or leave `burst` out";
        find("traffic.processor", message.to_owned());
    }
    let several = bursts.is_some_and(|bursts| bursts.len() > 1);
    let nothing = losses.iter().flatten().position(|loss| loss.get() == 0);
    if let Some(index) = nothing.filter(|_| several) {
        let message = "a link that loses nothing has no bursts, so that each of `loss_burst` would be the same trial: \
                       leave this loss out";
        find(&format!("sweep.loss[{index}]"), message.to_owned());
    }
}
