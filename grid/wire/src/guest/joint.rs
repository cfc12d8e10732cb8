//! The regions of a daemon: when they are used, and what comes through their channels.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::Settings;
use super::channel::{Channel, Heard};
use super::forward::Forwarder;
use super::leave::Stage;
use super::map::Watched;
use super::message::Message;
use super::network::{Line, Network};
use super::packets;
use super::region::Region;
use crate::desk::Desk;
use crate::error::ServeError;
use crate::identify::Place;
use crate::mapping::Mapping;
use crate::options;
use crate::report::Guest;
use crate::slab::Seat;

/// Messages that are heard before others have their turn.
const TURN: usize = 256;
/// How often the map is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// All that a daemon knows of other guests.
pub(crate) struct Guests {
    pub(super) settings: Settings,
    pub(super) map: Watched,
    /// The network that the map's addresses are of: the daemon's own.
    pub(super) network: u64,
    pub(super) joints: Vec<Joint>,
    pub(super) forwarder: Forwarder,
    /// The network that the regions are, if they are to be one.
    carrier: Option<Network>,
    looked: Instant,
}

/// What joins this guest with another one.
pub(crate) struct Joint {
    /// The other's name.
    pub(super) peer: String,
    /// The region's file.
    path: PathBuf,
    /// The side that is here.
    pub(super) side: usize,
    pub(super) open: Option<Open>,
    /// Whether the map has both guests on one node.
    pub(super) shares: bool,
    /// Whether that guest's daemon says that connections are to leave it.
    pub(super) parted_there: bool,
    /// Whether it was seen to, when the daemon began, that nobody uses it against the map.
    seen_to: bool,
    /// Why the region cannot be used.
    fault: Option<String>,
}

/// A session's name for an end: of a session here or there.
pub(super) type Name = (u64, u64);

/// A region in use.
pub(super) struct Open {
    pub(super) region: Region,
    pub(super) channel: Channel,
    /// Its part for packets, if there are to be some.
    packets: Option<Arc<Mapping>>,
    /// Side 0: ends that wait there, by the place of the end here that would be theirs.
    pub(super) offers: HashMap<Place, Name>,
    /// Where those are.
    pub(super) places: HashMap<Name, Place>,
    /// Side 1: ends here that the other daemon was told of.
    pub(super) offered: HashSet<Name>,
    /// Side 0: seats that the other daemon was told of and has not answered yet, with the end here and its socket's cookie.
    pub(super) pending: HashMap<Seat, (Name, u64)>,
    /// Slabs by area.
    pub(super) slabs: HashMap<u64, u64>,
    /// What becomes readable when a process there is dead, by the session here that has it and the one there.
    pub(super) deaths: HashMap<(u64, u64), OwnedFd>,
    /// How it is used.
    pub(super) stage: Stage,
}

impl Joint {
    /// Whether connections are joined by it.
    fn joins(&self) -> bool {
        self.shares && !self.parted_there && self.open.as_ref().is_some_and(|open| matches!(open.stage, Stage::Joins))
    }
}

impl Guests {
    fn new(settings: Settings) -> Result<Self, ServeError> {
        let forwarder = Forwarder::begin().map_err(ServeError::system("no thread for other guests"))?;
        let any = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)
            .map_err(ServeError::system("no socket"))?;
        let network = options::network_namespace(std::os::fd::AsFd::as_fd(&any))
            .map_err(|source| ServeError::System { what: "the kernel does not name its network", source })?;
        let joint = |(peer, path): &(String, PathBuf)| Joint {
            side: usize::from(settings.name > *peer),
            peer: peer.clone(),
            path: path.clone(),
            open: None,
            shares: false,
            parted_there: false,
            seen_to: false,
            fault: None,
        };
        let joints = settings.regions.iter().map(joint).collect();
        let carrier = settings.network.map(Network::begin).transpose()?;
        let map = Watched::new(settings.map.clone());
        Ok(Self { settings, map, network, joints, forwarder, carrier, looked: Instant::now() })
    }

    /// The joint by which a connection may go whose end here is at `place`.
    pub(super) fn joint_of(&self, place: &Place) -> Option<usize> {
        let (local, remote) = (place.local.ip()?.ip(), place.remote.ip()?.ip());
        let here = place.network == self.network && self.map.map.has(&self.settings.name, local);
        let there = |joint: &Joint| joint.joins() && self.map.map.has(&joint.peer, remote);
        if here { self.joints.iter().position(there) } else { None }
    }

    /// The other guests, for those who look.
    ///
    /// - `connections`: those by each of the regions.
    pub(crate) fn figures(&self, connections: impl Fn(usize) -> u64) -> Vec<Guest> {
        let figures = |(number, joint): (usize, &Joint)| Guest {
            name: joint.peer.clone(),
            shares: joint.shares,
            open: joint.open.is_some(),
            answered: joint.open.as_ref().is_some_and(|open| open.channel.is_answered()),
            slabs: joint.open.as_ref().map_or(0, |open| open.slabs.len() as u64),
            connections: connections(number),
            leaving: joint.open.is_some() && !joint.joins(),
            users: joint.open.as_ref().map(Open::users).unwrap_or_default(),
            fault: joint.fault.clone().or_else(|| self.map.fault.clone()),
        };
        self.joints.iter().enumerate().map(figures).collect()
    }

    /// Carries packets by the regions that are open.
    fn carry(&self) {
        let Some(carrier) = &self.carrier else { return };
        let line = |joint: &Joint| {
            let packets = Arc::clone(joint.open.as_ref()?.packets.as_ref()?);
            Some(Line { packets, side: joint.side, addresses: self.map.map.addresses(&joint.peer) })
        };
        carrier.set(self.map.map.addresses(&self.settings.name), self.joints.iter().filter_map(line).collect());
    }

    /// The place here of the other end of what was offered.
    fn place_here(&self, local: SocketAddr, remote: SocketAddr) -> Place {
        Place { network: self.network, local: remote.into(), remote: local.into() }
    }
}

impl Desk {
    /// Begins to join connections with other guests.
    pub(crate) fn begin_guests(&mut self, settings: Settings) -> Result<(), ServeError> {
        let guests = Guests::new(settings)?;
        self.watch.guests(&guests.forwarder.bell).map_err(ServeError::system("no epoll set for the daemon"))?;
        self.guests = Some(guests);
        self.hear_guests();
        Ok(())
    }

    pub(super) fn open(&mut self, joint: usize) -> Option<&mut Open> {
        self.guests.as_mut()?.joints.get_mut(joint)?.open.as_mut()
    }

    /// Acts on what the other daemons say, and on a change of the map.
    pub(crate) fn hear_guests(&mut self) {
        let Some(guests) = self.guests.as_mut() else { return };
        if guests.looked.elapsed() >= EVERY {
            guests.looked = Instant::now();
            guests.map.look();
            guests.carry();
        }
        for joint in 0..guests.joints.len() {
            self.tend(joint);
            self.leave(joint);
            self.let_go(joint);
            self.hear_guest(joint);
        }
    }

    /// Opens a region that the map lets be used, or that somebody uses who began when it did.
    fn tend(&mut self, number: usize) {
        let Some(guests) = self.guests.as_mut() else { return };
        let Some(joint) = guests.joints.get_mut(number) else { return };
        let shared = joint.shares;
        joint.shares = guests.map.map.share(&guests.settings.name, &joint.peer);
        let changed = joint.shares != shared && joint.open.is_some();
        let mut opened = false;
        if joint.open.is_none() && (joint.shares || !joint.seen_to) {
            match Region::open(&joint.path) {
                Ok(region) => {
                    let name = RandomState::new().build_hasher().finish() | 1;
                    let channel = Channel::open(region.control.clone(), joint.side, name);
                    guests.forwarder.hear(region.control.clone(), joint.side);
                    joint.fault = None;
                    let packets = guests.carrier.as_ref().and_then(|_| region.packets().ok()).map(Arc::new);
                    if let Some(packets) = &packets {
                        packets::begin(packets.packets(joint.side), packets.packets(1 - joint.side));
                    }
                    joint.open = Some(Open::new(region, channel, packets));
                    opened = true;
                }
                Err(error) if joint.shares => joint.fault = Some(format!("{}: {error}", joint.path.display())),
                Err(_) => {}
            }
        }
        joint.seen_to = true;
        if opened {
            guests.carry();
        }
        if changed {
            self.say_whether_to_leave(number);
        }
    }

    /// Lets go of a region that the map does not let be used, once nobody does.
    fn let_go(&mut self, number: usize) {
        let Some(guests) = self.guests.as_mut() else { return };
        let Some(joint) = guests.joints.get_mut(number).filter(|joint| !joint.shares) else { return };
        if let Some(open) = joint.open.take_if(|open| open.is_left()) {
            guests.forwarder.hear_no_more(&open.region.control);
            open.channel.close();
            joint.parted_there = false;
            drop(open);
            guests.carry();
        }
    }

    /// Looks for the other ends of all that wait.
    pub(super) fn look_again(&mut self, joint: usize) {
        if let Some(open) = self.open(joint) {
            open.offered.clear();
        }
        for end in self.ends.all_waiting() {
            self.look_afar(end);
        }
    }

    fn hear_guest(&mut self, joint: usize) {
        for _ in 0..TURN {
            let Some(open) = self.open(joint) else { return };
            open.channel.go_on();
            match open.channel.hear() {
                Heard::Nothing => return,
                // Once a turn: all that waits here is looked at.
                Heard::Anew => {
                    self.met_anew(joint);
                    break;
                }
                Heard::Said(message) => self.act(joint, message),
            }
        }
        if let Some(guests) = &self.guests {
            guests.forwarder.again();
        }
    }

    /// Another daemon serves there than before.
    fn met_anew(&mut self, joint: usize) {
        let Some(known) = self.guests.as_mut().and_then(|guests| guests.joints.get_mut(joint)) else { return };
        known.parted_there = false;
        let parted = !known.shares;
        let Some(open) = known.open.as_mut() else { return };
        open.offers.clear();
        open.places.clear();
        if parted {
            self.say_whether_to_leave(joint);
        }
        let Some(open) = self.open(joint) else { return };
        // What its predecessor did not answer is not answered any more.
        for seat in std::mem::take(&mut open.pending).into_keys() {
            self.decline_far(joint, seat);
        }
        self.look_again(joint);
    }

    fn act(&mut self, joint: usize, message: Message) {
        match message {
            Message::Offer { session, tag, local, remote } => {
                let Some(place) = self.guests.as_ref().map(|guests| guests.place_here(local, remote)) else { return };
                if self.guests.as_ref().and_then(|guests| guests.joint_of(&place)) != Some(joint) {
                    return;
                }
                let bound = self.policy.bounds.ends;
                let Some(open) = self.open(joint).filter(|open| open.offers.len() < bound) else { return };
                open.forget((session, tag));
                if let Some(earlier) = open.offers.insert(place, (session, tag)) {
                    open.places.remove(&earlier);
                }
                open.places.insert((session, tag), place);
                if let Some(end) = self.ends.at(&place) {
                    self.look_afar(end);
                }
            }
            Message::Withdraw { session, tag } => {
                if let Some(open) = self.open(joint) {
                    open.forget((session, tag));
                }
            }
            Message::Pair { session, tag, peer, seat } => self.take_far(joint, (session, tag), peer, seat),
            Message::Taken(seat) => self.taken_far(joint, seat),
            Message::Declined(seat) => self.declined_far(joint, seat),
            Message::Gone { session } => self.gone_there(joint, session),
            Message::Leave(leave) => {
                if let Some(joint) = self.guests.as_mut().and_then(|guests| guests.joints.get_mut(joint)) {
                    joint.parted_there = leave;
                }
            }
        }
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        for open in self.joints.iter().filter_map(|joint| joint.open.as_ref()) {
            open.channel.close();
        }
    }
}

impl Open {
    fn new(region: Region, channel: Channel, packets: Option<Arc<Mapping>>) -> Self {
        Self {
            region,
            channel,
            packets,
            offers: HashMap::new(),
            places: HashMap::new(),
            offered: HashSet::new(),
            pending: HashMap::new(),
            slabs: HashMap::new(),
            deaths: HashMap::new(),
            stage: Stage::Joins,
        }
    }

    /// An end there waits no more.
    pub(super) fn forget(&mut self, name: Name) {
        if let Some(place) = self.places.remove(&name) {
            self.offers.remove(&place);
        }
    }
}
