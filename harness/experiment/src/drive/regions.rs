//! The memory that client and server of a plan share, in place of packets.

use std::borrow::Cow;

use anyhow::{Context, Result};
use loadgen::{Regions, TransportConfig};

use crate::agents::serving::Deployment;
use crate::plan::Plan;

/// Slots of each region: more than any client has under way that is answered in time, few enough that
/// a server which stands still is soon seen to.
const SLOTS: u32 = 1024;

/// Makes the regions that a plan declares, and tells both ends where they are. They are there as long as
/// the second part of the answer.
pub(super) fn shared(plan: &Plan) -> Result<(Cow<'_, Plan>, Option<Regions>)> {
    let (TransportConfig::Memory { .. }, Deployment::Ours(server)) =
        (&plan.client.transport, &plan.server)
    else {
        return Ok((Cow::Borrowed(plan), None));
    };
    let owners = u16::try_from(server.owners())?;
    let regions = Regions::create(owners, SLOTS).context("sharing memory with the roles")?;
    let mut plan = plan.clone();
    plan.client.transport = TransportConfig::Memory {
        path: regions.path(),
    };
    plan.server = Deployment::Ours(Box::new(kv::server::ServerConfig {
        regions: Some(regions.path()),
        ..server.as_ref().clone()
    }));
    Ok((Cow::Owned(plan), Some(regions)))
}
