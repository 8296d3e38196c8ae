//! Series inside one trial: do they follow the law they should, and do they stand still?

mod autocorrelation;
mod drift;
mod fit;

pub use autocorrelation::{autocorrelation, effective_size};
pub use drift::{Drift, drift};
pub use fit::{Fit, fit_exponential, fit_uniform};
