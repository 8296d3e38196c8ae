//! Rules of encrypted requests.

use super::Finding;
use crate::spec::Spec;
use crate::system::{SystemKind, SystemSpec};

/// Not every system can be steered by a token, and no sealed request may be sent twice.
pub(super) fn encryption(
    spec: &Spec,
    system: &SystemSpec,
    index: usize,
    findings: &mut Vec<Finding>,
) {
    if system.encryption.is_none() {
        return;
    }
    let name = system.system;
    let mut find = |message: String| {
        findings.push((format!("systems[{index}].encryption"), message));
    };
    if let Some(reason) = name.encryption_refusal() {
        let able = SystemKind::ALL.into_iter();
        let able = able.filter(|kind| kind.encryption_refusal().is_none());
        let able: Vec<_> = able.map(SystemKind::name).collect();
        find(format!(
            "{name} serves no encrypted requests: {reason}; allowed: {}, or leave `encryption` out",
            able.join(", ")
        ));
    }
    if system.xdp.is_some_and(|xdp| xdp.hash_reuse) {
        find(
            "the program that notes keys reads them: have `encryption` or `xdp.hash_reuse`, not both"
                .to_owned(),
        );
    }
    if system.xdp.is_some_and(|xdp| xdp.multi_buffer) {
        find(
            "a sealed request is opened in its one frame: have `encryption` or `xdp.multi_buffer`, not \
             both"
                .to_owned(),
        );
    }
    if spec.saturates() {
        find(
            "a generator that saturates repeats its frames, and a sealed request may be sent once: \
             use `load`"
                .to_owned(),
        );
    }
}
