//! Under construction.

pub mod reference;
pub mod wire;
