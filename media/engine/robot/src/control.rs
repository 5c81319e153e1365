//! Commands: robots come and go, get keys, play and pause.

use crate::api::{
    source_id, ClientId, ClientSpec, Command, Event, ReceiverSpec, Refusal, SenderSpec,
};
use crate::client::{Client, Stream};
use crate::clip::Clip;
use crate::fleet::{Change, Fleet};
use crate::ice::Controlling;
use crate::packet::{EXTENSION_IDS, MAX_EXTENSION};
use crate::receiver::Receiver;
use crate::sender::Sender;
use crate::stats::ClientRow;
use crate::twcc::Arrivals;
use engine_core::random::Random;
use engine_core::ration::Ration;
use engine_core::{Micros, Outbox};
use engine_srtp::{Inbound, Outbound, Profile};
use engine_wire::demux::{classify, Class};
use rustc_hash::{FxHashMap, FxHashSet};
use serde_bytes::ByteBuf;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const NEVER: Micros = Micros(u64::MAX);
/// SSRCs that a peer may send RTCP with besides those of its streams.
const OTHER_STREAMS: usize = 64;
/// Highest payload type (seven bits).
const MAX_PT: u8 = 127;

impl ClientSpec {
    /// The peer's address and our own, which is of the same family.
    pub fn addresses(&self) -> Result<(SocketAddr, SocketAddr), Refusal> {
        let ip = |text: &str| text.parse::<IpAddr>().map_err(|_| Refusal::BadAddress);
        let remote = SocketAddr::new(ip(&self.remote.0)?, self.remote.1);
        let bind = SocketAddr::new(ip(&self.bind)?, 0);
        if remote.is_ipv4() == bind.is_ipv4() && remote.port() != 0 {
            Ok((remote, bind))
        } else {
            Err(Refusal::BadAddress)
        }
    }
}

impl Fleet {
    /// Carries a command out; one that cannot be is answered with [`Event::ClientRefused`].
    pub fn handle_command(&mut self, now: Micros, command: Command, out: &mut Outbox) -> Change {
        let (name, client) = command.subject();
        match self.carry_out(now, command, out) {
            Ok(change) => change,
            Err(code) => {
                self.refuse(name, client, code);
                Change::None
            }
        }
    }

    /// Answers a command with a refusal.
    pub fn refuse(&mut self, command: &str, client: ClientId, code: Refusal) {
        self.row.commands_refused += 1;
        self.events.push_back(Event::ClientRefused {
            command: command.to_owned(),
            client,
            code,
        });
    }

    /// Makes a clip known that was made ready elsewhere.
    pub fn add_clip(&mut self, name: u64, clip: Arc<Clip>) -> Result<(), Refusal> {
        if self.clips.contains_key(&name) {
            return Err(Refusal::DuplicateClip);
        }
        self.clips.insert(name, clip);
        Ok(())
    }

    fn carry_out(
        &mut self,
        now: Micros,
        command: Command,
        out: &mut Outbox,
    ) -> Result<Change, Refusal> {
        match command {
            Command::AddClip {
                clip,
                codec,
                clock_rate,
                frames,
            } => {
                let ready = Arc::new(Clip::new(codec, clock_rate, &frames)?);
                self.add_clip(clip, ready).map(|()| Change::None)
            }
            Command::AddClient(spec) => self.add_client(now, spec, out),
            Command::SetClientKeys {
                client,
                profile,
                local,
                remote,
            } => self.set_keys(now, client, &profile, (&local, &remote), out),
            Command::SendClientDtls { client, datagrams } => {
                self.send_dtls(client, &datagrams, out)
            }
            Command::Play { client, sender, on } => self.play(now, (client, sender), on, out),
            Command::Expect {
                client,
                receiver,
                source,
            } => self.expect(now, (client, receiver), source),
            Command::RemoveClient { client } => self.remove(client),
        }
    }

    fn place_of(&self, client: ClientId) -> Result<usize, Refusal> {
        self.by_id
            .get(&client)
            .copied()
            .ok_or(Refusal::UnknownClient)
    }

    fn add_client(
        &mut self,
        now: Micros,
        spec: ClientSpec,
        out: &mut Outbox,
    ) -> Result<Change, Refusal> {
        let id = spec.client;
        if self.by_id.contains_key(&id) {
            return Err(Refusal::DuplicateClient);
        }
        let random = Random::new(self.random.next() ^ id.0);
        let client = make_client(now, spec, &self.clips, random)?;
        let place = self.free.pop().unwrap_or(self.clients.len());
        if place == self.clients.len() {
            self.clients.push(None);
        }
        self.clients[place] = Some(Box::new(client));
        self.by_id.insert(id, place);
        self.handle_timeout(now, place, out);
        Ok(Change::Added(place))
    }

    fn set_keys(
        &mut self,
        now: Micros,
        id: ClientId,
        profile: &str,
        (local, remote): (&[u8], &[u8]),
        out: &mut Outbox,
    ) -> Result<Change, Refusal> {
        let place = self.place_of(id)?;
        let client = self.client_mut(place).ok_or(Refusal::UnknownClient)?;
        if client.outbound.is_some() {
            return Err(Refusal::AlreadyKeyed);
        }
        let profile = Profile::from_name(profile).ok_or(Refusal::BadKeys)?;
        let outbound = Outbound::new(profile, local).map_err(|_| Refusal::BadKeys)?;
        let inbound = Inbound::new(profile, remote).map_err(|_| Refusal::BadKeys)?;
        let streams = OTHER_STREAMS + 2 * client.receivers.len();
        client.inbound = Some(inbound.with_streams(streams));
        client.outbound = Some(outbound);
        client.begin_media(now);
        self.handle_timeout(now, place, out);
        Ok(Change::Touched(place))
    }

    fn send_dtls(
        &mut self,
        id: ClientId,
        datagrams: &[ByteBuf],
        out: &mut Outbox,
    ) -> Result<Change, Refusal> {
        let place = self.place_of(id)?;
        let client = self.client_mut(place).ok_or(Refusal::UnknownClient)?;
        let to = client.ice.selected();
        for data in datagrams {
            match to.filter(|_| classify(data) == Class::Dtls) {
                Some(to) => out.push(to, data),
                None => client.row.dtls_drops += 1,
            }
        }
        Ok(Change::Touched(place))
    }

    fn play(
        &mut self,
        now: Micros,
        (id, sender): (ClientId, u16),
        on: bool,
        out: &mut Outbox,
    ) -> Result<Change, Refusal> {
        let place = self.place_of(id)?;
        let client = self.client_mut(place).ok_or(Refusal::UnknownClient)?;
        let has_way = client.media_address().is_some();
        let mut senders = client.senders.iter_mut();
        let sender = senders.find(|s| s.spec.sender == sender);
        let sender = sender.ok_or(Refusal::UnknownStream)?;
        sender.play(now, on, has_way);
        self.handle_timeout(now, place, out);
        Ok(Change::Touched(place))
    }

    fn expect(
        &mut self,
        now: Micros,
        (id, receiver): (ClientId, u16),
        source: Option<u64>,
    ) -> Result<Change, Refusal> {
        let place = self.place_of(id)?;
        let client = self.client_mut(place).ok_or(Refusal::UnknownClient)?;
        let mut receivers = client.receivers.iter_mut();
        let receiver = receivers.find(|r| r.spec.receiver == receiver);
        receiver.ok_or(Refusal::UnknownStream)?.expect(now, source);
        Ok(Change::None)
    }

    fn remove(&mut self, client: ClientId) -> Result<Change, Refusal> {
        let place = self.place_of(client)?;
        self.by_id.remove(&client);
        self.clients[place] = None;
        self.free.push(place);
        self.events.push_back(Event::ClientRemoved { client });
        Ok(Change::Removed(place))
    }
}

fn make_client(
    now: Micros,
    spec: ClientSpec,
    clips: &FxHashMap<u64, Arc<Clip>>,
    mut random: Random,
) -> Result<Client, Refusal> {
    let (remote, _) = spec.addresses()?;
    if !is_sound(&spec) {
        return Err(Refusal::BadDescription);
    }
    let id = spec.client;
    let senders = spec.senders.into_iter().map(|sender| {
        let clip = clips.get(&sender.clip).ok_or(Refusal::UnknownClip)?;
        let source = source_id(id, sender.sender);
        Ok(Sender::new(sender, source, Arc::clone(clip), &mut random))
    });
    let senders = senders.collect::<Result<Vec<_>, _>>()?;
    let streams = known_streams(&spec.receivers);
    let grace = Micros::from_millis(spec.grace_ms.into());
    let receivers = spec.receivers.into_iter();
    Ok(Client {
        id,
        ice: Controlling::new(now, spec.ice, remote),
        inbound: None,
        outbound: None,
        senders,
        receivers: receivers.map(|r| Receiver::new(r, grace)).collect(),
        streams,
        cname: spec.cname,
        mid_ext: spec.mid_ext,
        check_percent: spec.check_percent,
        row: ClientRow::default(),
        twcc_out: random.next() as u16,
        twcc_in: spec.twcc_ext.map(|id| (id, Arrivals::default())),
        random,
        last_sender: 0,
        dtls_ration: Ration::default(),
        wake: NEVER,
        look_at: NEVER,
        report_at: NEVER,
    })
}

fn known_streams(receivers: &[ReceiverSpec]) -> FxHashMap<u32, Stream> {
    let mut streams = FxHashMap::default();
    for (receiver, spec) in receivers.iter().enumerate() {
        for (ssrc, repair) in [(spec.ssrc, false), (spec.rtx_ssrc, true)] {
            if let Some(ssrc) = ssrc {
                streams.insert(ssrc, Stream { receiver, repair });
            }
        }
    }
    streams
}

/// Indices and SSRCs are there once, and every number is in its range.
fn is_sound(spec: &ClientSpec) -> bool {
    let mut senders = FxHashSet::default();
    let mut receivers = FxHashSet::default();
    let (mut ours, mut theirs) = (FxHashSet::default(), FxHashSet::default());
    let ids = [spec.mid_ext, spec.twcc_ext];
    let senders_sound = spec.senders.iter().all(|sender| {
        let ssrcs = [Some(sender.ssrc), sender.rtx_ssrc];
        senders.insert(sender.sender)
            && ssrcs.into_iter().flatten().all(|ssrc| ours.insert(ssrc))
            && sender_is_sound(sender)
    });
    let receivers_sound = spec.receivers.iter().all(|receiver| {
        let ssrcs = [receiver.ssrc, receiver.rtx_ssrc];
        receivers.insert(receiver.receiver)
            && ssrcs.into_iter().flatten().all(|ssrc| theirs.insert(ssrc))
            && !receiver.formats.is_empty()
    });
    let ids_sound = ids.into_iter().flatten().all(|id| id != 0);
    senders_sound && receivers_sound && ids_sound && spec.check_percent <= 100
}

fn sender_is_sound(sender: &SenderSpec) -> bool {
    let ids = [sender.mid_ext, sender.audio_level_ext, sender.twcc_ext];
    let mut used = FxHashSet::default();
    let ids_sound = ids
        .into_iter()
        .flatten()
        .all(|id| EXTENSION_IDS.contains(&id) && used.insert(id));
    let mid_sound = (1..=MAX_EXTENSION).contains(&sender.mid.len()) || sender.mid_ext.is_none();
    let pts = [Some(sender.pt), sender.rtx_pt].into_iter().flatten();
    ids_sound
        && mid_sound
        && pts.into_iter().all(|pt| pt <= MAX_PT)
        && sender.rtx_pt.is_some() == sender.rtx_ssrc.is_some()
}
