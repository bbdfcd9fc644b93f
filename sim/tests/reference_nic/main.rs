//! The driver on the reference NIC, over a cable whose far end is the test's.

mod arp;
mod bench;
mod golden;
mod queues;
mod waiting;
