//! Against a tree of files like the kernel's, and a stand-in for what the kernel does when they are written.

use std::os::unix::fs::{symlink, MetadataExt};

use tempfile::TempDir;

use super::*;

const NIC: &str = "0000:03:00.0";
const OTHER: &str = "0000:03:00.1";

/// A machine with the NIC, bound to no driver, in IOMMU group 7, and vfio-pci loaded.
struct Machine {
    dir: TempDir,
    sysfs: Sysfs,
}

impl Machine {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sysfs = Sysfs {
            pci: dir.path().join("bus/pci"),
            vfio: dir.path().join("vfio"),
            write: kernel,
        };
        for folder in ["bus/pci/devices", "bus/pci/drivers", "groups", "vfio"] {
            fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let machine = Self { dir, sysfs };
        machine.write("bus/pci/drivers_probe", "");
        machine.function(NIC, "0x1234", "0x4843");
        machine.group(NIC, 7);
        machine.driver("vfio-pci");
        machine
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// As if there were no IOMMU.
    fn take_from_group(&self, address: &str) {
        let function = self.path("bus/pci/devices").join(address);
        fs::remove_file(function.join("iommu_group")).unwrap();
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn function(&self, address: &str, vendor: &str, device: &str) {
        fs::create_dir(self.path("bus/pci/devices").join(address)).unwrap();
        for (name, text) in [
            ("vendor", vendor),
            ("device", device),
            ("revision", "0x01"),
            ("numa_node", "-1"),
            ("driver_override", "(null)"),
        ] {
            self.write(
                &format!("bus/pci/devices/{address}/{name}"),
                &format!("{text}\n"),
            );
        }
    }

    fn group(&self, address: &str, group: u32) {
        let function = self.path("bus/pci/devices").join(address);
        let group = self.path(&format!("groups/{group}"));
        fs::create_dir_all(group.join("devices")).unwrap();
        symlink(&function, group.join("devices").join(address)).unwrap();
        symlink(&group, function.join("iommu_group")).unwrap();
    }

    fn driver(&self, name: &str) {
        fs::create_dir_all(self.path("bus/pci/drivers").join(name)).unwrap();
        self.write(&format!("bus/pci/drivers/{name}/unbind"), "");
    }

    fn bind(&self, address: &str, driver: &str) {
        self.driver(driver);
        let link = self.path("bus/pci/devices").join(address).join("driver");
        symlink(self.path("bus/pci/drivers").join(driver), link).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }
}

/// What Linux does on a write: `unbind` takes the driver; `drivers_probe` binds the driver of `driver_override`, or else
/// the one named `e1000e` if that is loaded.
fn kernel(path: &Path, text: &str) -> io::Result<()> {
    // A file that is not there is an error, as in sysfs.
    let known = fs::metadata(path)?.is_file();
    assert!(known);
    fs::write(path, text)?;
    match path.file_name().unwrap().to_str().unwrap() {
        "unbind" => {
            let function = path.parent().unwrap().parent().unwrap();
            let driver = function.join("driver");
            fs::remove_file(driver)
        }
        "drivers_probe" => {
            let pci = path.parent().unwrap();
            let function = pci.join("devices").join(text);
            let wanted = read(&function.join("driver_override")).unwrap();
            let driver = match wanted.as_str() {
                "" => "e1000e",
                "vfio-pci" if function.join("vfio_refuses").exists() => return Ok(()),
                name => name,
            };
            let driver = pci.join("drivers").join(driver);
            if driver.exists() {
                symlink(driver, function.join("driver"))?;
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn nic() -> PciAddress {
    NIC.parse().unwrap()
}

#[test]
fn nics_are_listed_with_all_that_the_kernel_knows() {
    let machine = Machine::new();
    machine.function("0000:05:00.0", "0x1234", "0x4843");
    machine.function(OTHER, "0x8086", "0x10d3");
    machine.group(OTHER, 7);
    machine.bind(OTHER, "e1000e");
    let files = [
        ("numa_node", "1"),
        ("revision", "0x0a"),
        ("current_link_speed", "8.0 GT/s PCIe"),
        ("current_link_width", "8"),
    ];
    for (name, text) in files {
        machine.write(
            &format!("bus/pci/devices/{NIC}/{name}"),
            &format!("{text}\n"),
        );
    }
    let nics = machine.sysfs.nics().unwrap();
    let expected = PciNic {
        address: nic(),
        driver: None,
        group: Some(7),
        group_members: vec![GroupMember {
            address: OTHER.parse().unwrap(),
            driver: Some("e1000e".into()),
        }],
        numa_node: Some(1),
        link: Some(Link {
            speed: "8.0 GT/s PCIe".into(),
            lanes: 8,
        }),
        layout_version: 10,
    };
    assert_eq!(nics.len(), 2);
    assert_eq!(nics[0], expected);
    let bare = &nics[1];
    assert_eq!(bare.address.to_string(), "0000:05:00.0");
    assert_eq!(
        (bare.group, bare.numa_node, &bare.link),
        (None, None, &None)
    );
}

#[test]
fn a_machine_without_pci_has_no_nics() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path("bus")).unwrap();
    assert_eq!(machine.sysfs.nics().unwrap(), []);
}

#[test]
fn binding_takes_a_nic_from_its_driver_and_unbinding_gives_it_back() {
    let machine = Machine::new();
    machine.bind(NIC, "e1000e");
    let group_file = machine.sysfs.bind(nic()).unwrap();
    assert_eq!(group_file, machine.path("vfio/7"));
    assert_eq!(machine.read("bus/pci/drivers/e1000e/unbind"), NIC);
    assert_eq!(machine.read("bus/pci/drivers_probe"), NIC);
    assert_eq!(
        machine.read(&format!("bus/pci/devices/{NIC}/driver_override")),
        "vfio-pci"
    );
    assert_eq!(machine.sysfs.group_file(nic()).unwrap(), group_file);
    // Once more changes nothing.
    machine.write("bus/pci/drivers_probe", "");
    assert_eq!(machine.sysfs.bind(nic()).unwrap(), group_file);
    assert_eq!(machine.read("bus/pci/drivers_probe"), "");

    assert_eq!(
        machine.sysfs.unbind(nic()).unwrap().as_deref(),
        Some("e1000e")
    );
    assert_eq!(machine.read("bus/pci/drivers/vfio-pci/unbind"), NIC);
    assert_eq!(
        machine.read(&format!("bus/pci/devices/{NIC}/driver_override")),
        "\n"
    );
    let error = machine.sysfs.unbind(nic()).unwrap_err().to_string();
    assert!(
        error.contains("bound to the driver e1000e, not to vfio-pci"),
        "{error}"
    );
}

#[test]
fn a_nic_without_a_driver_is_bound_as_well() {
    let machine = Machine::new();
    machine.sysfs.bind(nic()).unwrap();
    assert_eq!(machine.sysfs.unbind(nic()).unwrap(), None);
}

/// The error of `bind`, after which nothing may have changed.
fn bind_error(machine: &Machine) -> String {
    let before = machine.sysfs.nic(nic()).ok();
    let error = machine.sysfs.bind(nic()).unwrap_err().to_string();
    assert_eq!(machine.sysfs.nic(nic()).ok(), before);
    assert_eq!(machine.read("bus/pci/drivers_probe"), "");
    error
}

#[test]
fn what_cannot_be_bound_is_left_alone_and_the_error_says_what_to_do() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path("bus/pci/devices").join(NIC)).unwrap();
    let error = bind_error(&machine);
    assert!(
        error.contains(NIC) && error.contains("handclasp devices"),
        "{error}"
    );

    let machine = Machine::new();
    machine.write(&format!("bus/pci/devices/{NIC}/device"), "0x10d3\n");
    let error = bind_error(&machine);
    assert!(
        error.contains("no Handclasp NIC") && error.contains("0x1234:0x10d3"),
        "{error}"
    );

    let machine = Machine::new();
    machine.take_from_group(NIC);
    let error = bind_error(&machine);
    assert!(
        error.contains("intel_iommu=on") && error.contains("amd_iommu=on"),
        "{error}"
    );

    let machine = Machine::new();
    fs::remove_dir_all(machine.path("bus/pci/drivers/vfio-pci")).unwrap();
    let error = bind_error(&machine);
    assert!(error.contains("modprobe vfio-pci"), "{error}");

    let machine = Machine::new();
    machine.function(OTHER, "0x8086", "0x10d3");
    machine.group(OTHER, 7);
    machine.bind(OTHER, "e1000e");
    let error = bind_error(&machine);
    assert!(error.contains("0000:03:00.1 (driver e1000e)"), "{error}");
    assert!(error.contains("group 7"), "{error}");
}

#[test]
fn members_of_a_group_that_do_no_harm_are_no_obstacle() {
    for driver in ["vfio-pci", "pcieport", "pci-stub"] {
        let machine = Machine::new();
        machine.function(OTHER, "0x8086", "0x10d3");
        machine.group(OTHER, 7);
        machine.bind(OTHER, driver);
        machine.sysfs.bind(nic()).unwrap();
    }
}

#[test]
fn a_probe_in_vain_is_noticed_and_undone_by_unbinding() {
    let machine = Machine::new();
    machine.bind(NIC, "e1000e");
    machine.write(&format!("bus/pci/devices/{NIC}/vfio_refuses"), "");
    let error = machine.sysfs.bind(nic()).unwrap_err().to_string();
    assert!(
        error.contains("bound to no driver") && error.contains("dmesg"),
        "{error}"
    );
    assert_eq!(
        machine.sysfs.unbind(nic()).unwrap().as_deref(),
        Some("e1000e")
    );
}

#[test]
fn a_nic_that_is_not_ready_for_user_space_says_why() {
    let error = |machine: &Machine| machine.sysfs.group_file(nic()).unwrap_err().to_string();
    let machine = Machine::new();
    let text = error(&machine);
    assert!(text.contains("bound to no driver"), "{text}");
    assert!(text.contains("`handclasp bind 0000:03:00.0`"), "{text}");
    machine.bind(NIC, "e1000e");
    let text = error(&machine);
    assert!(text.contains("bound to the driver e1000e"), "{text}");
    assert!(text.contains("`handclasp bind 0000:03:00.0`"), "{text}");
    fs::remove_dir_all(machine.path("bus/pci/drivers/vfio-pci")).unwrap();
    assert!(error(&machine).contains("modprobe vfio-pci"));
    machine.take_from_group(NIC);
    assert!(error(&machine).contains("intel_iommu=on"));
    fs::remove_dir_all(machine.path("bus/pci/devices").join(NIC)).unwrap();
    assert!(error(&machine).contains("there is no PCI function"));
}

#[test]
fn a_write_that_the_kernel_refuses_names_the_file() {
    let machine = Machine::new();
    let refuse = |_: &Path, _: &str| Err(io::ErrorKind::PermissionDenied.into());
    let sysfs = Sysfs {
        write: refuse,
        ..machine.sysfs.clone()
    };
    let error = sysfs.bind(nic()).unwrap_err().to_string();
    assert!(
        error.contains("driver_override") && error.contains("needs root"),
        "{error}"
    );
}

#[test]
fn a_group_is_given_to_a_user_by_name_or_number() {
    let machine = Machine::new();
    machine.write("vfio/7", "");
    let group_file = machine.path("vfio/7");
    let own = fs::metadata(&group_file).unwrap().uid();
    machine.sysfs.give(&group_file, &own.to_string()).unwrap();
    if own == 0 {
        machine.sysfs.give(&group_file, "1234").unwrap();
        assert_eq!(fs::metadata(&group_file).unwrap().uid(), 1234);
        machine.sysfs.give(&group_file, "root").unwrap();
        assert_eq!(fs::metadata(&group_file).unwrap().uid(), 0);
    }
    let error = machine
        .sysfs
        .give(&group_file, "nobody-of-that-name")
        .unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no user \"nobody-of-that-name\""),
        "{error}"
    );
    let error = machine
        .sysfs
        .give(&machine.path("vfio/8"), "0")
        .unwrap_err();
    assert!(error.to_string().contains("vfio/8"), "{error}");
}
