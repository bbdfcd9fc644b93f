//! The bus of a NIC on PCI Express, over a function that writes down what is done to it.

mod fake;
mod interrupts;
mod memory;
mod open_close;
