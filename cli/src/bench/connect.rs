//! `handclasp bench handshake` over a NIC: how long a connection takes to open.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Result;
use handclasp_benches::record::Rate;
use handclasp_benches::Work;
use handclasp_host::Host;

use super::session::{connect, Times};

/// Connections before the first that counts: ARP is resolved, and buffers are mapped.
pub const WARM_UP: usize = 20;

/// Connects to the server, one connection after another.
pub fn connect_often(
    host: &Host,
    server: SocketAddr,
    mut times: Times,
) -> (Times, Result<Option<Rate>>) {
    let mut all = || -> Result<()> {
        while times.wants_more() {
            let begin = Instant::now();
            let stream = connect(host, server)?;
            times.push(begin.elapsed());
            drop(stream);
        }
        Ok(())
    };
    let rate = all().map(|()| {
        Some(Rate {
            work: Work::Handshake.name().into(),
            size_bytes: None,
            count: times.measured().len(),
            seconds: times.elapsed().as_secs_f64(),
            back_bytes: 0,
        })
    });
    (times, rate)
}
