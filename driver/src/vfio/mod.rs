//! The NIC on PCI Express, by way of VFIO.

mod arenas;
mod bus;
mod function;
mod iova;
mod kernel;
mod open_error;
mod pages;

pub use bus::VfioBus;
pub use function::Function;
pub use kernel::KernelFunction;
pub use open_error::OpenError;
pub use pages::{PageSize, Pages, HUGE_PAGE_BYTES};
