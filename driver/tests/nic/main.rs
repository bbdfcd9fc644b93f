//! The driver against a device that does what the test says.

mod liveness;
mod lying_device;
mod open_close;
mod rings;
mod scripted;
