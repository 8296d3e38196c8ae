//! Series inside one trial: do they follow the law they should, and do they stand still?

mod autocorrelation;

pub use autocorrelation::{autocorrelation, effective_size};
