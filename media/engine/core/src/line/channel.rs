//! Lines whose keys come by the signalling of H.323 (H.235.6).
//!
//! What comes on them is hidden and nothing of it is proved, so that who may speak there is found out as on plain lines
//! (`whereabouts.rs`). A key may follow another within a call, and is told by the payload type of its packets.

use super::api::{ChannelKey, SetChannelKeys};
use crate::api::{Codec, Format, Refusal};
use crate::leg::Leg;
use crate::shard::Shard;
use engine_srtp::{Inbound, KeyType, Outbound, Profile};

impl Shard {
    pub(crate) fn set_channel_keys(&mut self, set: &SetChannelKeys) -> Result<(), Refusal> {
        let (_, leg) = self.line_mut(set.leg, set.line)?;
        leg.check_channel(set.local.as_ref(), set.remote.as_ref())?;
        let types = (leg.taken_type(), leg.sent_type());
        if let (Some(key), Some(inbound)) = (&set.remote, leg.inbound.as_mut()) {
            let told_by = key.told_by(types.0);
            let changed = inbound.change_key(&key.key, told_by);
            changed.map_err(|_| Refusal::BadKeys)?;
        }
        if let (Some(key), Some(outbound)) = (&set.local, leg.outbound.as_mut()) {
            let told_by = key.told_by(types.1);
            let changed = outbound.change_key(&key.key, told_by);
            changed.map_err(|_| Refusal::BadKeys)?;
        }
        Ok(())
    }
}

impl Leg {
    /// Both keys of a new line.
    pub(super) fn open_channel(
        &mut self,
        local: &ChannelKey,
        remote: &ChannelKey,
    ) -> Result<(), Refusal> {
        let inbound = Inbound::new(remote.sound()?, &remote.key).map_err(|_| Refusal::BadKeys)?;
        let outbound = Outbound::new(local.sound()?, &local.key).map_err(|_| Refusal::BadKeys)?;
        self.inbound = Some(inbound.told_by(remote.told_by(self.taken_type())));
        self.outbound = Some(outbound.told_by(local.told_by(self.sent_type())));
        Ok(())
    }

    /// Refuses keys as a whole, before one of two is taken.
    fn check_channel(
        &self,
        local: Option<&ChannelKey>,
        remote: Option<&ChannelKey>,
    ) -> Result<(), Refusal> {
        let inbound = self.inbound.as_ref().map(Inbound::profile);
        let outbound = self.outbound.as_ref().map(Outbound::profile);
        for (key, profile) in [(remote, inbound), (local, outbound)] {
            let key = key.map(ChannelKey::sound).transpose()?;
            if key.is_some() && key != profile {
                return Err(Refusal::BadKeys);
            }
        }
        Ok(())
    }

    /// Chooses by which key a packet is opened; of no effect where there is but one.
    pub(super) fn choose_key(&mut self, packet: &mut [u8]) {
        if let Some(inbound) = self.inbound.as_mut() {
            inbound.choose_key(packet);
        }
    }

    fn taken_type(&self) -> Option<u8> {
        main_type(self.sources.iter().flat_map(|of| &of.spec.formats))
    }

    fn sent_type(&self) -> Option<u8> {
        main_type(self.slots.iter().flat_map(|of| &of.spec.formats))
    }
}

/// A channel of H.323 has one format, beside keys that are pressed.
fn main_type<'a>(mut formats: impl Iterator<Item = &'a Format>) -> Option<u8> {
    let main = formats.find(|format| format.codec != Codec::TelephoneEvent);
    main.map(|format| format.pt)
}

impl ChannelKey {
    /// For what it is, if it can be used for that.
    fn sound(&self) -> Result<Profile, Refusal> {
        let profile = Profile::from_h235_name(&self.profile);
        let fits = |profile: &Profile| {
            let has_type = self.payload_type.is_none_or(|wire| wire < 128);
            profile.key_len() == self.key.len() && has_type
        };
        profile.filter(fits).ok_or(Refusal::BadKeys)
    }

    fn told_by(&self, format: Option<u8>) -> Option<KeyType> {
        let wire = self.payload_type?;
        Some(KeyType {
            wire,
            format: format?,
        })
    }
}
