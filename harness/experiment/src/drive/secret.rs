//! The secret of a trial whose requests are encrypted.

use anyhow::{Context, Result};
use seal::Secret;
use slices::gateway;
use slices::system::ProcessorConfig;

use crate::agents::serving::Deployment;
use crate::plan::Plan;
use crate::plan::chain::FramePlan;

/// Gives client and server of an encrypted trial a secret that nobody else has. It is no part of the plan,
/// and made anew for each trial, since both sides count nonces from 0; nothing of it is recorded.
///
/// # Errors
/// When the system has no random numbers.
pub(super) fn share(plan: &mut Plan) -> Result<()> {
    if plan.trial.system.encryption.is_none() {
        return Ok(());
    }
    let secret = Secret::random().context("a secret for client and server")?;
    match &mut plan.server {
        Deployment::Ours(config) => config.secret = Some(secret.clone()),
        // The spec is refused that asks for it.
        Deployment::Memcached(_)
        | Deployment::Reflector(_)
        | Deployment::KvDirect(_)
        | Deployment::FrameCount(_)
        | Deployment::LossyPath(_) => {}
    }
    plan.client.secret = Some(secret);
    Ok(())
}

/// Gives both ends of a tunnel a secret that nobody else has, as for requests.
///
/// # Errors
/// When the system has no random numbers.
pub(super) fn share_tunnel(plan: &mut FramePlan) -> Result<()> {
    let secret = gateway::Secret::random().context("a secret for both gateways")?;
    for router in &mut plan.routers {
        match &mut router.system.processor {
            ProcessorConfig::Ipsec(gateway) => gateway.secret = secret.clone(),
            ProcessorConfig::Router
            | ProcessorConfig::Inspect { .. }
            | ProcessorConfig::Maelstrom(_) => {}
        }
    }
    Ok(())
}
