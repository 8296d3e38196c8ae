//! The secret of a trial whose requests are encrypted.

use anyhow::{Context, Result};
use seal::Secret;

use crate::agents::serving::Deployment;
use crate::plan::Plan;

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
        | Deployment::FrameCount(_) => {}
    }
    plan.client.secret = Some(secret);
    Ok(())
}
