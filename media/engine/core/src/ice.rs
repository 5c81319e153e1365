//! The lite side of ICE (RFC 8445): answer checks that know the password, remember where they came from, and take
//! them as the peer's continuing consent to be sent to (RFC 7675; the full side repeats its checks every few seconds).

use crate::api::IceParams;
use crate::time::Micros;
use engine_wire::stun::{self, Message, MessageClass};
use std::net::SocketAddr;

/// RFC 7675 section 5.1.
pub const CONSENT_TIMEOUT: Micros = Micros::from_secs(30);
/// Candidate pairs of one leg that are remembered; a browser with many interfaces tries a handful.
const MAX_ADDRESSES: usize = 8;
/// So many genuine packets in a row from another of the peer's addresses: it sends from there, and those that come from
/// where it was are late.
const MOVED_AFTER: u8 = 3;
/// STUN method Binding (RFC 8489).
const BINDING: u16 = 1;

/// Why a check was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckRefused {
    /// Not a binding request.
    NotARequest,
    /// No or a wrong MESSAGE-INTEGRITY, or another peer's user name.
    Unauthenticated,
}

/// Whom a user name is for, by our fragment; `None` where it is not of two halves (RFC 8445 section 7.3).
///
/// The peer's half is not looked at: it changes with each restart of ICE, of which a peer need not tell. Nor is what the
/// peer has put after a slash in ours, by which its browser tells a restart. That it is the peer is proved by the password.
pub fn named(username: &str) -> Option<&str> {
    let (ours, _) = username.split_once(':')?;
    Some(ours.split_once('/').map_or(ours, |(name, _)| name))
}

/// What a good check changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// The address is new to this leg.
    pub new_address: bool,
    /// An address that had to make room.
    pub forgotten: Option<SocketAddr>,
    /// The first good check, or the first since consent was lost.
    pub connected: bool,
}

/// Connectivity of one leg; where packets go comes first, since every packet asks for it.
#[derive(Debug)]
#[repr(C)]
pub struct IceLite {
    selected: Option<SocketAddr>,
    elsewhere: u8,
    last_check: Option<Micros>,
    addresses: Vec<SocketAddr>,
    params: IceParams,
}

impl IceLite {
    /// Waits for the first check.
    pub fn new(params: IceParams) -> Self {
        Self {
            params,
            addresses: Vec::with_capacity(MAX_ADDRESSES),
            selected: None,
            elsewhere: 0,
            last_check: None,
        }
    }

    /// A way that no check leads to: whoever asked for it says where packets go.
    pub fn without_checks() -> Self {
        let none = String::new;
        Self::new(IceParams {
            local_ufrag: none(),
            local_pwd: none(),
        })
    }

    /// Lets packets go there from now on, where no check decides that.
    pub fn point_at(&mut self, to: Option<SocketAddr>) {
        self.selected = to;
    }

    /// Brings the line near that lies behind that of the address.
    pub fn touch(&self) -> u64 {
        u64::from(self.elsewhere)
    }

    /// Our user name fragment.
    pub fn local_ufrag(&self) -> &str {
        &self.params.local_ufrag
    }

    /// Where packets for this leg go; `None` before the first check and without consent.
    pub fn selected(&self) -> Option<SocketAddr> {
        self.selected
    }

    /// Addresses from which this leg's packets are taken.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// New credentials; the old path carries on until the peer nominates another (RFC 8445 section 9).
    pub fn restart(&mut self, params: IceParams) {
        self.params = params;
    }

    /// Checks a message that names our user name fragment and writes the answer into `reply`.
    pub fn handle_check(
        &mut self,
        now: Micros,
        from: SocketAddr,
        message: &Message<'_>,
        reply: &mut Vec<u8>,
    ) -> Result<Checked, CheckRefused> {
        let nominates = self.answer(from, message, reply)?;
        Ok(nominates.map_or_else(Checked::default, |nominates| {
            self.accept(now, from, nominates)
        }))
    }

    /// Writes the answer to a check into `reply`. Gives whether it nominates, and `None` for one that the peer has to do
    /// otherwise.
    pub fn answer(
        &self,
        from: SocketAddr,
        message: &Message<'_>,
        reply: &mut Vec<u8>,
    ) -> Result<Option<bool>, CheckRefused> {
        if message.class != MessageClass::Request || message.method != BINDING {
            return Err(CheckRefused::NotARequest);
        }
        let key = self.params.local_pwd.as_bytes();
        if !self.names_us(message.username()) || !message.verify_integrity(key) {
            return Err(CheckRefused::Unauthenticated);
        }
        let unknown = message.unknown_required();
        if !unknown.is_empty() {
            stun::write_unknown_attributes(reply, &message.transaction, unknown, Some(key));
            return Ok(None);
        }
        if message.controlled.is_some() {
            // The lite side is always the controlled one, so the peer has to change roles (section 7.3.1.1).
            stun::write_binding_error(reply, &message.transaction, 487, "Role Conflict", Some(key));
            return Ok(None);
        }
        stun::write_binding_success(reply, &message.transaction, from, key);
        Ok(Some(message.use_candidate))
    }

    fn names_us(&self, username: Option<&str>) -> bool {
        username.and_then(named) == Some(self.params.local_ufrag.as_str())
    }

    fn accept(&mut self, now: Micros, from: SocketAddr, nominates: bool) -> Checked {
        let connected = self.selected.is_none();
        self.last_check = Some(now);
        if nominates || connected {
            self.selected = Some(from);
        }
        let mut checked = Checked {
            connected,
            ..Checked::default()
        };
        if !self.addresses.contains(&from) {
            checked.new_address = true;
            if self.addresses.len() == MAX_ADDRESSES {
                let selected = self.selected;
                let at = self.addresses.iter().position(|a| Some(*a) != selected);
                checked.forgotten = at.map(|at| self.addresses.remove(at));
            }
            self.addresses.push(from);
        }
        checked
    }

    /// A genuine packet came from one of [`addresses`](Self::addresses). A peer sends from where it has moved to at once,
    /// and nominates that pair with its next check only: in Chromium 2.5 s later.
    pub fn heed_media(&mut self, from: SocketAddr) {
        if self.selected.is_none_or(|selected| selected == from) {
            self.elsewhere = 0;
            return;
        }
        self.elsewhere += 1;
        if self.elsewhere == MOVED_AFTER {
            self.select(from);
        }
    }

    /// Sends to one of [`addresses`](Self::addresses) from now on, whatever is nominated later.
    pub fn select(&mut self, address: SocketAddr) {
        self.elsewhere = 0;
        self.selected = Some(address);
    }

    /// Another leg has proved that this address is its own.
    pub fn forget_address(&mut self, address: SocketAddr) {
        self.addresses.retain(|known| *known != address);
        if self.selected == Some(address) {
            self.selected = None;
        }
    }

    /// True once when consent has run out; from then on nothing is sent until a new check.
    pub fn expire(&mut self, now: Micros) -> bool {
        let expired = self
            .last_check
            .is_some_and(|last| now.since(last) >= CONSENT_TIMEOUT);
        if expired {
            self.last_check = None;
            self.selected = None;
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Micros = Micros::from_secs(100);

    fn ice() -> IceLite {
        IceLite::new(IceParams {
            local_ufrag: "here".into(),
            local_pwd: "a-password-of-22-chars".into(),
        })
    }

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    fn request(username: &str, key: &str, nominate: bool) -> Vec<u8> {
        let mut out = Vec::new();
        stun::write_binding_request(
            &mut out,
            &[7; 12],
            username,
            key.as_bytes(),
            1,
            Some(5),
            nominate,
        );
        out
    }

    fn check(
        ice: &mut IceLite,
        now: Micros,
        from: u16,
        bytes: &[u8],
    ) -> Result<Checked, CheckRefused> {
        let mut reply = Vec::new();
        ice.handle_check(
            now,
            address(from),
            &Message::parse(bytes).unwrap(),
            &mut reply,
        )
    }

    #[test]
    fn only_the_holder_of_the_password_connects() {
        let mut ice = ice();
        let wrong_key = request("here:there", "another-password-22-ch", true);
        assert_eq!(
            check(&mut ice, NOW, 1, &wrong_key),
            Err(CheckRefused::Unauthenticated)
        );
        let for_another = request("elsewhere:there", "a-password-of-22-chars", true);
        assert_eq!(
            check(&mut ice, NOW, 1, &for_another),
            Err(CheckRefused::Unauthenticated)
        );
        assert_eq!(ice.selected(), None);
        let good = request("here:there", "a-password-of-22-chars", true);
        assert!(check(&mut ice, NOW, 1, &good).unwrap().connected);
        assert_eq!(ice.selected(), Some(address(1)));
    }

    #[test]
    fn what_follows_our_name_is_the_peers() {
        for (username, name) in [
            ("here:there", Some("here")),
            ("here/7:there", Some("here")),
            ("here/7/8:there:more", Some("here")),
            ("here/", None),
            ("/:", Some("")),
        ] {
            assert_eq!(named(username), name);
        }
        let mut ice = ice();
        let again = request("here/2:elsewhere", "a-password-of-22-chars", true);
        assert!(check(&mut ice, NOW, 1, &again).unwrap().connected);
    }

    #[test]
    fn nomination_moves_the_path_and_a_mere_check_does_not() {
        let mut ice = ice();
        let plain = request("here:there", "a-password-of-22-chars", false);
        let nominating = request("here:there", "a-password-of-22-chars", true);
        check(&mut ice, NOW, 1, &plain).unwrap();
        check(&mut ice, NOW, 2, &plain).unwrap();
        assert_eq!(ice.selected(), Some(address(1)));
        check(&mut ice, NOW, 2, &nominating).unwrap();
        check(&mut ice, NOW, 1, &plain).unwrap();
        assert_eq!(ice.selected(), Some(address(2)));
    }

    #[test]
    fn the_path_follows_media_that_comes_from_another_address() {
        let mut ice = ice();
        ice.heed_media(address(1));
        assert_eq!(ice.selected(), None, "media is no consent");
        let nominating = request("here:there", "a-password-of-22-chars", true);
        let plain = request("here:there", "a-password-of-22-chars", false);
        check(&mut ice, NOW, 1, &nominating).unwrap();
        check(&mut ice, NOW, 2, &plain).unwrap();
        for from in [2, 2, 1, 2, 2] {
            ice.heed_media(address(from));
            assert_eq!(ice.selected(), Some(address(1)));
        }
        for from in [2, 1, 1, 2] {
            ice.heed_media(address(from));
            assert_eq!(ice.selected(), Some(address(2)));
        }
    }

    #[test]
    fn consent_runs_out_once_and_comes_back_with_the_next_check() {
        let mut ice = ice();
        let good = request("here:there", "a-password-of-22-chars", true);
        check(&mut ice, NOW, 1, &good).unwrap();
        assert!(!ice.expire(NOW + Micros::from_secs(29)));
        assert!(ice.expire(NOW + Micros::from_secs(30)));
        assert!(!ice.expire(NOW + Micros::from_secs(31)));
        assert_eq!(ice.selected(), None);
        assert!(
            check(&mut ice, NOW + Micros::from_secs(40), 1, &good)
                .unwrap()
                .connected
        );
    }

    #[test]
    fn addresses_are_bounded_and_the_selected_one_stays() {
        let mut ice = ice();
        let nominating = request("here:there", "a-password-of-22-chars", true);
        let plain = request("here:there", "a-password-of-22-chars", false);
        check(&mut ice, NOW, 1, &nominating).unwrap();
        for port in 2..40 {
            check(&mut ice, NOW, port, &plain).unwrap();
        }
        assert_eq!(ice.addresses().len(), MAX_ADDRESSES);
        assert!(ice.addresses().contains(&address(1)));
    }
}
