//! The YAML spec: units, model, validation, expansion to trials.
