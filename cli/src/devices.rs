//! `handclasp devices`: the NICs on this machine's PCI bus.

use anyhow::Result;
use comfy_table::Table;
use handclasp_driver::pci::{GroupMember, PciNic, Sysfs};
use serde::Serialize;

/// Arguments of `handclasp devices`.
#[derive(clap::Args)]
pub struct Args {
    /// Print the list as JSON
    #[arg(long)]
    json: bool,
}

/// One NIC, for JSON.
#[derive(Serialize)]
struct Row {
    address: String,
    driver: Option<String>,
    iommu_group: Option<u32>,
    group_members: Vec<Member>,
    numa_node: Option<u32>,
    link_speed: Option<String>,
    link_lanes: Option<u8>,
    layout_version: u8,
}

#[derive(Serialize)]
struct Member {
    address: String,
    driver: Option<String>,
}

impl From<&GroupMember> for Member {
    fn from(member: &GroupMember) -> Self {
        Self {
            address: member.address.to_string(),
            driver: member.driver.clone(),
        }
    }
}

impl From<&PciNic> for Row {
    fn from(nic: &PciNic) -> Self {
        Self {
            address: nic.address.to_string(),
            driver: nic.driver.clone(),
            iommu_group: nic.group,
            group_members: nic.group_members.iter().map(Member::from).collect(),
            numa_node: nic.numa_node,
            link_speed: nic.link.as_ref().map(|link| link.speed.clone()),
            link_lanes: nic.link.as_ref().map(|link| link.lanes),
            layout_version: nic.layout_version,
        }
    }
}

/// Lists them.
pub fn run(args: &Args) -> Result<()> {
    let nics = Sysfs::default().nics()?;
    let rows: Vec<Row> = nics.iter().map(Row::from).collect();
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else if rows.is_empty() {
        println!("no Handclasp NIC on this machine's PCI bus");
    } else {
        println!("{}", table(&rows));
    }
    Ok(())
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "address",
        "driver",
        "IOMMU group",
        "shared with",
        "NUMA node",
        "link",
        "layout version",
    ]);
    let dash = || "-".to_owned();
    for row in rows {
        let members: Vec<_> = row
            .group_members
            .iter()
            .map(|member| {
                let driver = member.driver.as_deref().unwrap_or("-");
                format!("{} ({driver})", member.address)
            })
            .collect();
        let link = row.link_speed.as_ref().zip(row.link_lanes);
        table.add_row([
            row.address.clone(),
            row.driver.clone().unwrap_or_else(dash),
            row.iommu_group.map_or_else(
                || "none: the IOMMU is off".into(),
                |group| group.to_string(),
            ),
            if members.is_empty() {
                dash()
            } else {
                members.join("\n")
            },
            row.numa_node.map_or_else(dash, |node| node.to_string()),
            link.map_or_else(dash, |(speed, lanes)| format!("{speed} x{lanes}")),
            row.layout_version.to_string(),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_nic_and_says_what_is_missing() {
        let row = |address: &str| Row {
            address: address.into(),
            driver: None,
            iommu_group: None,
            group_members: vec![Member {
                address: "0000:03:00.1".into(),
                driver: Some("nvme".into()),
            }],
            numa_node: Some(1),
            link_speed: Some("8.0 GT/s PCIe".into()),
            link_lanes: Some(8),
            layout_version: 1,
        };
        let text = table(&[row("0000:03:00.0"), row("0000:04:00.0")]).to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 4, "{text}");
        for (line, address) in lines[2..].iter().zip(["0000:03:00.0", "0000:04:00.0"]) {
            for cell in [
                address,
                "none: the IOMMU is off",
                "0000:03:00.1 (nvme)",
                "8.0 GT/s PCIe x8",
            ] {
                assert!(line.contains(cell), "{line}");
            }
        }
    }
}
