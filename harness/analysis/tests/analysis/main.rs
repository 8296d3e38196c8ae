//! What is concluded from recorded runs.

mod comparing;
mod documented;
mod made;
mod truths;
mod validating;
