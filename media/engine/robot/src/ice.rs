//! The controlling side of ICE (RFC 8445) with one pair of candidates: checks that nominate, answers to the peer's own
//! checks, and consent (RFC 7675).

use crate::api::ClientIce;
use engine_core::ice::CONSENT_TIMEOUT;
use engine_core::random::Random;
use engine_core::Micros;
use engine_wire::stun::{self, Message, MessageClass, BINDING};
use std::net::SocketAddr;

/// First retransmission; each further one waits twice as long (RFC 8445 section 14.3, RFC 8489 section 6.2.1).
const FIRST_RETRY: Micros = Micros::from_millis(500);
/// A join should not wait for the rest of the 39.5 s that a transaction may take there: 30 s without an answer is the end.
const LAST_RETRY: Micros = Micros::from_millis(2_000);
/// RFC 7675 section 5.1: five seconds, a fifth more or less.
const CONSENT_INTERVAL: Micros = Micros::from_millis(4_000);
const CONSENT_SPREAD: Micros = Micros::from_millis(2_000);
/// Checks under way whose answers are still taken.
const TRANSACTIONS: usize = 4;
/// Of a host candidate with one address (RFC 8445 section 5.1.2.1), as the peer would learn it from our check: type
/// preference 110 for a peer-reflexive one.
const PRIORITY: u32 = 110 << 24 | 65_535 << 8 | 255;
/// Ours is the largest, so that a peer that claims to control gives way (RFC 8445 section 7.3.1.1).
const TIE_BREAKER: u64 = u64::MAX;

#[derive(Debug, Clone, Copy)]
struct Transaction {
    id: [u8; 12],
    sent: Micros,
}

/// What a STUN message from the peer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// The answer to a check of ours, and whether it is the first.
    Answer { first: bool, round_trip: Micros },
    /// A check of the peer's; the reply is written.
    Check,
    /// A refusal of a check of ours.
    Refused,
    /// Nothing that we asked for, or not with the right password.
    Foreign,
}

/// Connectivity of one robot.
#[derive(Debug)]
pub(crate) struct Controlling {
    ice: ClientIce,
    username: String,
    remote: SocketAddr,
    waiting: [Option<Transaction>; TRANSACTIONS],
    next_check: Micros,
    retry: Micros,
    last_answer: Option<Micros>,
    began: Micros,
    failed: bool,
}

impl Controlling {
    pub(crate) fn new(now: Micros, ice: ClientIce, remote: SocketAddr) -> Self {
        Self {
            username: format!("{}:{}", ice.remote_ufrag, ice.local_ufrag),
            ice,
            remote,
            waiting: [None; TRANSACTIONS],
            next_check: now,
            retry: FIRST_RETRY,
            last_answer: None,
            began: now,
            failed: false,
        }
    }

    pub(crate) const fn remote(&self) -> SocketAddr {
        self.remote
    }

    /// Where packets may go: consent was given and has not run out.
    pub(crate) fn selected(&self) -> Option<SocketAddr> {
        (self.last_answer.is_some() && !self.failed).then_some(self.remote)
    }

    pub(crate) fn next_at(&self) -> Option<Micros> {
        (!self.failed).then_some(self.next_check.min(self.expires_at()))
    }

    fn expires_at(&self) -> Micros {
        self.last_answer.unwrap_or(self.began) + CONSENT_TIMEOUT
    }

    /// True once when consent has run out, or was never given in that time: nothing is sent from then on.
    pub(crate) fn expire(&mut self, now: Micros) -> bool {
        let expired = !self.failed && now >= self.expires_at();
        self.failed |= expired;
        expired
    }

    /// Writes the check that is due.
    pub(crate) fn poll_check(
        &mut self,
        now: Micros,
        random: &mut Random,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.failed || now < self.next_check {
            return false;
        }
        let mut id = [0; 12];
        id[..8].copy_from_slice(&random.next().to_be_bytes());
        id[8..].copy_from_slice(&(random.next() as u32).to_be_bytes());
        self.waiting.rotate_right(1);
        self.waiting[0] = Some(Transaction { id, sent: now });
        let key = self.ice.remote_pwd.as_bytes();
        let tie = Some(TIE_BREAKER);
        stun::write_binding_request(out, &id, &self.username, key, PRIORITY, tie, true);
        self.next_check = now + self.retry;
        self.retry = Micros(self.retry.0 * 2).min(LAST_RETRY);
        true
    }

    /// Takes a STUN message in. `reply` gets the answer to the peer's check.
    pub(crate) fn handle(
        &mut self,
        now: Micros,
        from: SocketAddr,
        message: &Message<'_>,
        random: &mut Random,
        reply: &mut Vec<u8>,
    ) -> Heard {
        match message.class {
            _ if message.method != BINDING || from != self.remote => Heard::Foreign,
            MessageClass::Request => self.handle_check(now, from, message, reply),
            MessageClass::Success => self.handle_answer(now, message, random),
            MessageClass::Error => self.handle_error(message),
            MessageClass::Indication => Heard::Foreign,
        }
    }

    fn handle_check(
        &mut self,
        now: Micros,
        from: SocketAddr,
        message: &Message<'_>,
        reply: &mut Vec<u8>,
    ) -> Heard {
        let key = self.ice.local_pwd.as_bytes();
        let names_us = message
            .username()
            .and_then(|name| name.split_once(':'))
            .is_some_and(|(local, _)| local == self.ice.local_ufrag);
        if !names_us || !message.verify_integrity(key) {
            return Heard::Foreign;
        }
        let unknown = message.unknown_required();
        if !unknown.is_empty() {
            stun::write_unknown_attributes(reply, &message.transaction, unknown, Some(key));
        } else if message.controlling.is_some() {
            stun::write_binding_error(reply, &message.transaction, 487, "Role Conflict", Some(key));
        } else {
            stun::write_binding_success(reply, &message.transaction, from, key);
            if self.last_answer.is_none() {
                // A triggered check (RFC 8445 section 7.3.1.4): the path works, so ask at once.
                self.next_check = self.next_check.min(now);
            }
        }
        Heard::Check
    }

    fn handle_answer(&mut self, now: Micros, message: &Message<'_>, random: &mut Random) -> Heard {
        let Some(sent) = self.take_transaction(message) else {
            return Heard::Foreign;
        };
        let first = self.last_answer.is_none();
        self.waiting = [None; TRANSACTIONS];
        self.last_answer = Some(now);
        self.retry = FIRST_RETRY;
        self.next_check = now + CONSENT_INTERVAL + Micros(random.below(CONSENT_SPREAD.0));
        Heard::Answer {
            first,
            round_trip: now.since(sent),
        }
    }

    fn handle_error(&mut self, message: &Message<'_>) -> Heard {
        match self.take_transaction(message) {
            Some(_) => Heard::Refused,
            None => Heard::Foreign,
        }
    }

    /// When the check that this message answers was sent, if it is one of ours and the peer knows its password.
    fn take_transaction(&mut self, message: &Message<'_>) -> Option<Micros> {
        let ours = |t: &Option<Transaction>| t.is_some_and(|t| t.id == message.transaction);
        let at = self.waiting.iter().position(ours)?;
        if self.failed || !message.verify_integrity(self.ice.remote_pwd.as_bytes()) {
            return None;
        }
        self.waiting[at].take().map(|transaction| transaction.sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Micros = Micros::from_secs(100);

    fn remote() -> SocketAddr {
        SocketAddr::from(([10, 0, 0, 1], 40_000))
    }

    fn agent() -> (Controlling, Random) {
        let ice = ClientIce {
            local_ufrag: "here".into(),
            local_pwd: "our-password-of-22-chars".into(),
            remote_ufrag: "there".into(),
            remote_pwd: "the-peer's-password-of-22".into(),
        };
        (Controlling::new(START, ice, remote()), Random::new(1))
    }

    fn check(agent: &mut Controlling, now: Micros, random: &mut Random) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        agent.poll_check(now, random, &mut out).then_some(out)
    }

    fn answer(request: &[u8], key: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let transaction = Message::parse(request).unwrap().transaction;
        let mapped = SocketAddr::from(([10, 0, 0, 2], 9));
        stun::write_binding_success(&mut out, &transaction, mapped, key);
        out
    }

    fn hear(agent: &mut Controlling, now: Micros, random: &mut Random, bytes: &[u8]) -> Heard {
        let message = Message::parse(bytes).unwrap();
        agent.handle(now, remote(), &message, random, &mut Vec::new())
    }

    const THEIRS: &[u8] = b"the-peer's-password-of-22";

    /// A check has all that RFC 8445 section 7.2.2 asks for.
    #[test]
    fn a_check_is_whole() {
        let (mut agent, mut random) = agent();
        let request = check(&mut agent, START, &mut random).unwrap();
        let message = Message::parse(&request).unwrap();
        assert_eq!(message.username(), Some("there:here"));
        assert!(message.use_candidate && message.controlling.is_some());
        assert_eq!(message.priority, Some(PRIORITY));
        assert!(message.verify_integrity(THEIRS) && message.verify_fingerprint());
    }

    /// Unanswered checks back off, and after 30 s the agent gives up for good.
    #[test]
    fn checks_back_off_and_end() {
        let (mut agent, mut random) = agent();
        let mut times = Vec::new();
        while let Some(at) = agent.next_at() {
            if agent.expire(at) {
                assert_eq!(at.since(START), CONSENT_TIMEOUT);
                break;
            }
            check(&mut agent, at, &mut random).unwrap();
            times.push(at.since(START).0 / 1_000);
        }
        assert_eq!(times[..6], [0, 500, 1_500, 3_500, 5_500, 7_500]);
        assert_eq!(times.last(), Some(&29_500));
        assert!(agent.failed && agent.next_at().is_none());
        assert!(check(&mut agent, START + Micros::from_secs(60), &mut random).is_none());
    }

    /// An answer gives consent; it is asked for again 4 to 6 s later, and runs out 30 s after the last answer.
    #[test]
    fn consent_is_renewed_and_runs_out() {
        let (mut agent, mut random) = agent();
        let request = check(&mut agent, START, &mut random).unwrap();
        let later = START + Micros::from_millis(30);
        let heard = hear(&mut agent, later, &mut random, &answer(&request, THEIRS));
        let round_trip = Micros::from_millis(30);
        let first = true;
        assert_eq!(heard, Heard::Answer { first, round_trip });
        assert_eq!(agent.selected(), Some(remote()));
        let wait = agent.next_at().unwrap().since(later).0 / 1_000;
        assert!((4_000..6_000).contains(&wait), "{wait}");
        let end = later + CONSENT_TIMEOUT;
        assert!(!agent.expire(Micros(end.0 - 1)) && agent.expire(end) && !agent.expire(end));
        assert_eq!(agent.selected(), None);
    }

    /// A wrong password, an unknown transaction, a stranger's address and a repeated answer change nothing.
    #[test]
    fn only_real_answers_count() {
        let (mut agent, mut random) = agent();
        let request = check(&mut agent, START, &mut random).unwrap();
        let good = answer(&request, THEIRS);
        let mut unknown = good.clone();
        unknown[8] ^= 1;
        for bad in [answer(&request, b"wrong"), unknown] {
            assert_eq!(hear(&mut agent, START, &mut random, &bad), Heard::Foreign);
        }
        let stranger = SocketAddr::from(([10, 0, 0, 9], 1));
        let message = Message::parse(&good).unwrap();
        let heard = agent.handle(START, stranger, &message, &mut random, &mut Vec::new());
        assert_eq!((heard, agent.selected()), (Heard::Foreign, None));
        let heard = hear(&mut agent, START, &mut random, &good);
        assert!(matches!(heard, Heard::Answer { first: true, .. }));
        assert_eq!(hear(&mut agent, START, &mut random, &good), Heard::Foreign);
    }

    /// A full peer's check is answered and triggers ours; one that claims our role is told so.
    #[test]
    fn the_peers_checks_are_answered() {
        let (mut agent, mut random) = agent();
        check(&mut agent, START, &mut random).unwrap();
        let now = START + Micros::from_millis(100);
        for (role, success) in [(None, true), (Some(3), false)] {
            let (mut theirs, mut reply) = (Vec::new(), Vec::new());
            let key = b"our-password-of-22-chars";
            stun::write_binding_request(&mut theirs, &[5; 12], "here:there", key, 1, role, false);
            let message = Message::parse(&theirs).unwrap();
            let heard = agent.handle(now, remote(), &message, &mut random, &mut reply);
            assert_eq!(heard, Heard::Check);
            let reply = Message::parse(&reply).unwrap();
            assert_eq!(reply.class == MessageClass::Success, success);
            assert_eq!(reply.mapped.is_some(), success);
            assert!(reply.verify_integrity(key));
        }
        assert_eq!(agent.next_at(), Some(now));
        let mut forged = Vec::new();
        stun::write_binding_request(&mut forged, &[6; 12], "here:there", b"x", 1, None, false);
        assert_eq!(hear(&mut agent, now, &mut random, &forged), Heard::Foreign);
    }
}
