//! Works done over a NIC, one after the other, with a server elsewhere. What has been measured is kept, whatever comes then.

use std::net::SocketAddr;

use anyhow::{bail, Result};
use handclasp_benches::distribution::Distribution;
use handclasp_benches::latency::Waiting;
use handclasp_benches::machine::Machine;
use handclasp_benches::record::{Latency, OverNic};
use handclasp_benches::Work;
use handclasp_host::Host;
use indicatif::{ProgressBar, ProgressStyle};

use super::session::{Limit, Times};
use super::{connect, rtt, stream};
use crate::station::{Args as StationArgs, Station};

/// Opens the NIC `nic` and measures these works with the server `peer`, each to its limit. A failure on the way is in
/// the record, beside what had been measured by then.
///
/// # Errors
/// The NIC could not be opened, so nothing was measured.
pub fn measure(
    station: &StationArgs,
    nic: String,
    (peer, server): (String, SocketAddr),
    works: &[Work],
    limit: Limit,
) -> Result<OverNic> {
    let station = Station::start(station)?;
    let mut record = OverNic {
        nic,
        peer,
        machine: Machine::here(),
        latencies: Vec::new(),
        rates: Vec::new(),
        counters: Default::default(),
        cut_short: None,
    };
    let measured = (works.iter())
        .try_for_each(|&work| measure_work(&station.host, server, work, limit, &mut record));
    // A NIC that has failed has no counters any more.
    let counters = station.host.nic_counters().unwrap_or_default();
    record.counters = (counters.into_iter())
        .map(|(counter, value)| (counter.name.to_owned(), value))
        .collect();
    let finished = station.finish();
    // What went wrong first says more.
    record.cut_short = measured.and(finished).err().map(|why| format!("{why:#}"));
    Ok(record)
}

fn measure_work(
    host: &Host,
    server: SocketAddr,
    work: Work,
    limit: Limit,
    record: &mut OverNic,
) -> Result<()> {
    let progress = match limit.time {
        None => ProgressBar::new(limit.samples as u64).with_style(ProgressStyle::with_template(
            "[{elapsed}] {wide_bar} {pos}/{len} {msg}",
        )?),
        Some(_) => ProgressBar::new_spinner(),
    }
    .with_message(work.to_string());
    let times = |warm_up| Times::new(limit, warm_up, progress.clone());
    let (times, rate) = match work {
        Work::Handshake => connect::connect_often(host, server, times(connect::WARM_UP)),
        Work::Echo(size_bytes) => rtt::ask_often(host, server, size_bytes, times(rtt::WARM_UP)),
        Work::Stream(size_bytes) => stream::send(host, server, size_bytes, times(stream::WARM_UP)),
        Work::Close => bail!("a close is not measured over a NIC"),
    };
    progress.finish_and_clear();
    let time = Distribution::of(times.measured().iter().copied());
    record.latencies.extend(time.map(|time| Latency {
        stack: record.nic.clone(),
        waiting: Waiting::Blocking,
        work: work.name().into(),
        size_bytes: work.size_bytes(),
        time,
    }));
    record.rates.extend(rate?);
    Ok(())
}
