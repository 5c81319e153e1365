//! What the property tests, the replay test and the fuzz targets share.

pub(crate) mod exercise;
pub(crate) mod samples;
