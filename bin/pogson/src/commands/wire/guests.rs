//! Other guests as people name them.

use std::net::IpAddr;
use std::path::PathBuf;

use pogson_wire::guest::Settings;
use pogson_wire::guest::map::Map;

use super::policy;
use crate::failure::Failure;

/// Other virtual machines of the host.
#[derive(clap::Args, Debug)]
pub struct GuestArgs {
    /// Name of the virtual machine that this daemon runs in, as in the map (--guests)
    #[arg(long, value_name = "NAME", requires = "guests")]
    guest: Option<String>,
    /// The hosts' map, a JSON file that is read again when it changes: {"guests": [{"name": ..., "node": ..., "addresses": [...]}]}
    #[arg(long, value_name = "FILE", requires = "guest")]
    guests: Option<PathBuf>,
    /// Memory shared with another guest: its name, and the BAR of the ivshmem device
    /// (/sys/bus/pci/devices/0000:00:04.0/resource2) or a file; again for more guests
    #[arg(long, value_name = "NAME=FILE", requires = "guest")]
    region: Vec<String>,
    /// The user whose processes are joined with those of other guests, by name or number; by default the daemon's own
    #[arg(long, value_name = "USER", requires = "guest")]
    guest_user: Option<String>,
    /// Make a network of the regions, for guests that have none: this guest's address, as in the map, / and the number of its bits
    /// that name the network. Needs /dev/net/tun and CAP_NET_ADMIN
    #[arg(long, value_name = "ADDRESS/BITS", requires = "guest")]
    network: Option<String>,
}

impl GuestArgs {
    /// As the daemon takes it; `None` where no guest is named.
    ///
    /// # Errors
    /// A map that cannot be read, regions or users that are none.
    pub fn settings(&self) -> Result<Option<Settings>, Failure> {
        let (Some(name), Some(map)) = (&self.guest, &self.guests) else { return Ok(None) };
        Map::read(map).map_err(|fault| Failure::usage(format!("--guests {fault}")))?;
        let region = |text: &String| match text.split_once('=') {
            Some((peer, file)) if !peer.is_empty() && peer != name && !file.is_empty() => {
                Ok((peer.to_owned(), PathBuf::from(file)))
            }
            _ => Err(Failure::usage(format!("--region {text}: it is another guest's name, = and a file"))),
        };
        let user = match &self.guest_user {
            Some(user) => policy::number(&format!("--guest-user {user}"), user)?,
            None => rustix::process::geteuid().as_raw(),
        };
        let network = self.network.as_deref().map(network).transpose()?;
        let regions = self.region.iter().map(region).collect::<Result<_, _>>()?;
        Ok(Some(Settings { name: name.clone(), map: map.clone(), regions, user, network }))
    }
}

fn network(text: &str) -> Result<(IpAddr, u8), Failure> {
    let parsed = || {
        let (address, bits) = text.split_once('/')?;
        let (address, bits) = (address.parse::<IpAddr>().ok()?, bits.parse::<u8>().ok()?);
        (bits <= if address.is_ipv4() { 32 } else { 128 }).then_some((address, bits))
    };
    parsed().ok_or_else(|| Failure::usage(format!("--network {text}: it is an address, / and a number of bits, as 192.0.2.1/24")))
}
