//! Fuzz targets; see `targets`.

pub mod targets;
