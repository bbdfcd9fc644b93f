//! What sockets ask of their connections. None of these waits: what cannot be done yet is `WouldBlock`.

use std::io;
use std::net::SocketAddrV4;

use handclasp_driver::Command;

use super::error::io_error;
use super::holders::Holder;
use super::listener::Listener;
use super::slot::{Flow, Owner, Slot};
use super::{ListenerId, Readiness, SocketId, Stack, Tuple};
use crate::icmp::SegmentError;
use crate::tcp::{SendError, SeqNumber, State, Variables};

fn would_block<T>() -> io::Result<T> {
    Err(io::ErrorKind::WouldBlock.into())
}

impl Stack {
    /// The slot of a socket that has not been released; also the place where a failed device shows.
    fn socket(&self, id: SocketId) -> io::Result<&Slot> {
        self.check_device()?;
        self.slot(id.connection)
            .filter(|slot| slot.generation == id.generation)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    #[inline(always)]
    fn socket_mut(&mut self, id: SocketId) -> io::Result<&mut Slot> {
        self.check_device()?;
        self.slot_mut(id.connection)
            .filter(|slot| slot.generation == id.generation)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Whether the handshake is over: `WouldBlock` while it lasts.
    ///
    /// # Errors
    /// `ConnectionRefused`, `ConnectionReset`, `TimedOut`, `HostUnreachable`, once; `WouldBlock`; `NetworkDown` when the
    /// device failed.
    pub fn connected(&mut self, id: SocketId) -> io::Result<()> {
        match self.socket(id)?.connection.state() {
            State::SynSent | State::SynReceived => would_block(),
            State::Closed => match self.take_error(id)? {
                Some(error) => Err(error),
                None => Err(io::ErrorKind::NotConnected.into()),
            },
            _ => Ok(()),
        }
    }

    /// Puts data into the send buffer, and gives the NIC at once what may go of it; says how much was taken.
    ///
    /// # Errors
    /// `WouldBlock` without room; why the connection failed, once; then, and after [`Stack::shutdown_write`], `BrokenPipe`.
    pub fn send(&mut self, now_ns: u64, id: SocketId, data: &[u8]) -> io::Result<usize> {
        let slot = self.socket_mut(id)?;
        match slot.connection.send(data) {
            Ok(0) if !data.is_empty() => would_block(),
            Ok(count) => {
                self.push_text(now_ns, id.connection);
                Ok(count)
            }
            Err(SendError::Failed(error)) if !slot.error_taken => {
                slot.error_taken = true;
                Err(io_error(slot.failure.unwrap_or(error)))
            }
            Err(SendError::Failed(_) | SendError::Closing) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Takes received data; 0 is the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when there is none yet; why the connection failed, once.
    pub fn receive(&mut self, id: SocketId, out: &mut [u8]) -> io::Result<usize> {
        let slot = self.socket_mut(id)?;
        match slot.connection.receive(out) {
            Ok(None) => would_block(),
            Ok(Some(count)) => {
                if slot.connection.owes_ack() {
                    // The window is offered anew.
                    self.mark_dirty(id.connection);
                }
                Ok(count)
            }
            Err(error) if !slot.error_taken => {
                slot.error_taken = true;
                Err(io_error(slot.failure.unwrap_or(error)))
            }
            Err(_) => Ok(0),
        }
    }

    /// Which of [`Stack::receive`] and [`Stack::send`] would not say `WouldBlock` now.
    ///
    /// # Errors
    /// `NotConnected`; `NetworkDown` when the device failed.
    pub fn readiness(&self, id: SocketId) -> io::Result<Readiness> {
        Ok(self.socket(id)?.readiness())
    }

    /// Sends a FIN after the data given so far; the peer may go on sending.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn shutdown_write(&mut self, id: SocketId) -> io::Result<()> {
        let slot = self.socket_mut(id)?;
        if slot.connection.state() == State::Closed {
            return Err(io::ErrorKind::NotConnected.into());
        }
        slot.connection.shutdown_write();
        self.mark_dirty(id.connection);
        Ok(())
    }

    /// Reads give the end of the stream from now on.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn shutdown_read(&mut self, id: SocketId) -> io::Result<()> {
        let slot = self.socket_mut(id)?;
        if slot.connection.state() == State::Closed {
            return Err(io::ErrorKind::NotConnected.into());
        }
        slot.connection.shutdown_read();
        self.mark_dirty(id.connection);
        Ok(())
    }

    /// Ends the connection at once, with a RST where the peer knows of it (RFC 9293 3.10.5).
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn abort(&mut self, id: SocketId) -> io::Result<()> {
        self.socket_mut(id)?.connection.abort();
        self.mark_dirty(id.connection);
        Ok(())
    }

    /// The socket is gone. What was given to send is still sent, then the connection ends; unread data ends it at once,
    /// with a RST (RFC 9293 SHLD-3).
    pub fn release(&mut self, now_ns: u64, id: SocketId) {
        if let Ok(slot) = self.socket_mut(id) {
            slot.owner = Owner::Nobody;
            slot.connection.close(now_ns);
            self.mark_dirty(id.connection);
        }
    }

    /// Why the connection failed, if it did and nobody has been told.
    ///
    /// # Errors
    /// `NotConnected`; `NetworkDown` when the device failed.
    pub fn take_error(&mut self, id: SocketId) -> io::Result<Option<io::Error>> {
        let slot = self.socket_mut(id)?;
        let error = slot.error().filter(|_| !slot.error_taken);
        slot.error_taken |= error.is_some();
        Ok(error.map(io_error))
    }

    /// The addresses and ports of a connection.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn tuple(&self, id: SocketId) -> io::Result<Tuple> {
        Ok(self.socket(id)?.tuple)
    }

    /// The variables of a connection, to look at.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn variables(&self, id: SocketId) -> io::Result<Variables> {
        Ok(self.socket(id)?.connection.variables())
    }

    /// Whether small segments wait for more data (Nagle) or not.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn nodelay(&self, id: SocketId) -> io::Result<bool> {
        Ok(self.socket(id)?.connection.nodelay())
    }

    /// Sends small segments at once (true), or gathers them (RFC 9293 MUST-17).
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn set_nodelay(&mut self, id: SocketId, nodelay: bool) -> io::Result<()> {
        self.socket_mut(id)?.connection.set_nodelay(nodelay);
        self.mark_dirty(id.connection);
        Ok(())
    }

    /// Time to live of the packets sent.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn ttl(&self, id: SocketId) -> io::Result<u8> {
        Ok(self.socket(id)?.ttl)
    }

    /// Sets the time to live of the packets sent from now on (RFC 9293 MUST-49).
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn set_ttl(&mut self, id: SocketId, ttl: u8) -> io::Result<()> {
        let slot = self.socket_mut(id)?;
        slot.ttl = ttl;
        slot.headers_due = true;
        self.mark_dirty(id.connection);
        Ok(())
    }

    /// The type of service of the packets sent: DSCP in the upper six bits.
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn tos(&self, id: SocketId) -> io::Result<u8> {
        Ok(self.socket(id)?.tos)
    }

    /// Sets the type of service of the packets sent from now on (RFC 9293 MUST-48).
    ///
    /// # Errors
    /// `NotConnected`.
    pub fn set_tos(&mut self, id: SocketId, tos: u8) -> io::Result<()> {
        let slot = self.socket_mut(id)?;
        slot.tos = tos;
        slot.headers_due = true;
        self.mark_dirty(id.connection);
        Ok(())
    }

    /// The connection that has waited longest for this listener, and its peer. It then belongs to the caller, who
    /// releases it.
    ///
    /// # Errors
    /// `WouldBlock` when there is none; `NotConnected` when the port was closed.
    pub fn accept(&mut self, id: ListenerId) -> io::Result<(SocketId, SocketAddrV4)> {
        self.check_device()?;
        let listener = self
            .listeners
            .get_mut(&id.port)
            .filter(|listener| listener.generation == id.generation)
            .ok_or(io::ErrorKind::NotConnected)?;
        let Some(connection) = listener.accept() else {
            return would_block();
        };
        let Some(slot) = self.slot_mut(connection) else {
            return would_block();
        };
        slot.owner = Owner::Socket;
        let (generation, peer) = (slot.generation, slot.tuple.remote());
        let id = SocketId {
            connection,
            generation,
        };
        Ok((id, peer))
    }

    /// Whether [`Stack::accept`] would not say `WouldBlock` now.
    ///
    /// # Errors
    /// `NotConnected` when the port was closed; `NetworkDown` when the device failed.
    pub fn may_accept(&self, id: ListenerId) -> io::Result<bool> {
        self.check_device()?;
        self.listeners
            .get(&id.port)
            .filter(|listener| listener.generation == id.generation)
            .map(Listener::has_connection)
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Closes a port: connections that nobody accepted are reset.
    pub fn unlisten(&mut self, id: ListenerId) {
        let Some(listener) = self
            .listeners
            .get_mut(&id.port)
            .filter(|listener| listener.generation == id.generation)
        else {
            return;
        };
        listener.waiters.wake_all();
        self.listeners.remove(&id.port);
        self.port_commands.push_back(Command::ListenRemove {
            port: id.port,
            want_completion: false,
        });
        for connection in 0..self.slots.len() as u32 {
            let Some(slot) = self.slot_mut(connection) else {
                continue;
            };
            let waits = matches!(slot.owner, Owner::Listener { .. });
            if waits && slot.tuple.local_port == id.port {
                slot.owner = Owner::Nobody;
                slot.connection.abort();
                self.mark_dirty(connection);
            }
        }
    }

    /// Connections that nobody holds any more and that have not ended: their last data, FIN or RST has not left the NIC, or
    /// the peer's ACK or FIN has not come. None when the device has failed: they have no end then.
    pub fn lingering(&self) -> usize {
        if self.check_device().is_err() {
            return 0;
        }
        self.slots
            .iter()
            .filter(|slot| slot.owner == Owner::Nobody)
            .filter(|slot| !matches!(slot.flow, Flow::Gone | Flow::Free))
            .count()
    }

    /// Resets the connections that nobody holds any more: there will be nobody to answer what their peers send later.
    pub fn reset_lingering(&mut self) {
        for id in 0..self.slots.len() as u32 {
            let lingers = |slot: &&mut Slot| slot.is_live() && slot.owner == Owner::Nobody;
            if let Some(slot) = self.slot_mut(id).filter(lingers) {
                slot.connection.abort();
                self.mark_dirty(id);
            }
        }
    }

    /// An ICMP message says that a segment of ours did not arrive (RFC 9293 3.9.2.2).
    pub(super) fn icmp_error_arrives(&mut self, error: &SegmentError) {
        let tuple = Tuple {
            remote_ip: error.remote_ip,
            local_ip: error.local_ip,
            remote_port: error.remote_port,
            local_port: error.local_port,
        };
        let id = match self.holders.get(&tuple) {
            Some(Holder::Connection(id)) => Some(id),
            _ => None,
        };
        let Some((id, slot)) = id.and_then(|id| Some((id, self.slot_mut(id)?))) else {
            self.statistics.icmp_ignored += 1;
            return;
        };
        // The connection believes it only when it is about something in flight, and knows which errors end it.
        slot.connection
            .destination_unreachable(error.code, SeqNumber(error.seq), error.mtu_bytes);
        self.mark_dirty(id);
    }
}
