//! The driver against a device that does what the test says.

mod lying_device;
mod open_close;
mod rings;
mod scripted;
