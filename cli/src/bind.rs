//! `handclasp bind` and `handclasp unbind`: a NIC goes to user space, and back to the kernel.

use anyhow::Result;
use handclasp_driver::pci::{PciAddress, Sysfs};

/// Arguments of `handclasp bind`.
#[derive(clap::Args)]
pub struct BindArgs {
    /// The NIC's PCI address, like 03:00.0; `handclasp devices` lists them
    address: PciAddress,
    /// Let this user (a name or a number) open the NIC, which then needs no root
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

/// Arguments of `handclasp unbind`.
#[derive(clap::Args)]
pub struct UnbindArgs {
    /// The NIC's PCI address, like 03:00.0
    address: PciAddress,
}

/// Takes the NIC from the driver it has and binds it to vfio-pci.
pub fn bind(args: &BindArgs) -> Result<()> {
    let sysfs = Sysfs::default();
    let group_file = sysfs.bind(args.address)?;
    if let Some(user) = &args.user {
        sysfs.give(&group_file, user)?;
    }
    let who = args.user.as_deref().unwrap_or("root");
    println!(
        "{} is bound to vfio-pci; {who} may open it ({})",
        args.address,
        group_file.display()
    );
    Ok(())
}

/// Takes the NIC from vfio-pci and lets the kernel choose its driver.
pub fn unbind(args: &UnbindArgs) -> Result<()> {
    let driver = Sysfs::default().unbind(args.address)?;
    match driver {
        Some(driver) => println!("{} is bound to {driver}", args.address),
        None => println!("{} has no driver", args.address),
    }
    Ok(())
}
