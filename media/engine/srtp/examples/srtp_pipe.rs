//! SRTP over text lines, so that other implementations can be asked for a second opinion.
//!
//! Reads `protect|unprotect rtp|rtcp PROFILE MASTER PACKET [SEQUENCE]` from standard input, bytes in
//! hex and the extended sequence number (`protect rtp` only) in decimal, and answers each line with
//! `ok PACKET [SEQUENCE]` or `error CODE`. Sessions live as long as the process, one for each
//! profile, master key and direction.

use std::collections::HashMap;
use std::io::{self, BufRead, Write};

use engine_srtp::{Inbound, Outbound, Profile, SrtpError};

#[derive(Default)]
struct Sessions {
    inbound: HashMap<(String, String), Inbound>,
    outbound: HashMap<(String, String), Outbound>,
}

fn main() -> io::Result<()> {
    let mut sessions = Sessions::default();
    let mut out = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        match answer(&mut sessions, &line?) {
            Ok(text) => writeln!(out, "ok {text}")?,
            Err(code) => writeln!(out, "error {code}")?,
        }
        out.flush()?;
    }
    Ok(())
}

fn answer(sessions: &mut Sessions, line: &str) -> Result<String, &'static str> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let [verb, kind, profile, master, packet, rest @ ..] = &words[..] else {
        return Err("usage");
    };
    let mut packet = from_hex(packet).ok_or("hex")?;
    match (*verb, *kind) {
        ("protect", "rtp") => {
            let sequence = rest.first().and_then(|word| word.parse().ok());
            let session = sessions.outbound(profile, master)?;
            protect_rtp(session, packet, sequence.ok_or("usage")?).map_err(SrtpError::code)
        }
        ("protect", "rtcp") => {
            let session = sessions.outbound(profile, master)?;
            session.protect_rtcp(&mut packet).map_err(SrtpError::code)?;
            Ok(to_hex(&packet))
        }
        ("unprotect", "rtp") => {
            let session = sessions.inbound(profile, master)?;
            unprotect_rtp(session, packet).map_err(SrtpError::code)
        }
        ("unprotect", "rtcp") => {
            let session = sessions.inbound(profile, master)?;
            let len = session
                .unprotect_rtcp(&mut packet)
                .map_err(SrtpError::code)?;
            Ok(to_hex(&packet[..len]))
        }
        _ => Err("usage"),
    }
}

impl Sessions {
    fn inbound(&mut self, profile: &str, master: &str) -> Result<&mut Inbound, &'static str> {
        let key = (profile.to_owned(), master.to_owned());
        if !self.inbound.contains_key(&key) {
            let (profile, master) = keys(profile, master)?;
            let session = Inbound::new(profile, &master).map_err(SrtpError::code)?;
            self.inbound.insert(key.clone(), session);
        }
        self.inbound.get_mut(&key).ok_or("internal")
    }

    fn outbound(&mut self, profile: &str, master: &str) -> Result<&mut Outbound, &'static str> {
        let key = (profile.to_owned(), master.to_owned());
        if !self.outbound.contains_key(&key) {
            let (profile, master) = keys(profile, master)?;
            let session = Outbound::new(profile, &master).map_err(SrtpError::code)?;
            self.outbound.insert(key.clone(), session);
        }
        self.outbound.get_mut(&key).ok_or("internal")
    }
}

fn keys(profile: &str, master: &str) -> Result<(Profile, Vec<u8>), &'static str> {
    let profile = Profile::from_name(profile).ok_or("profile")?;
    Ok((profile, from_hex(master).ok_or("hex")?))
}

fn protect_rtp(session: &Outbound, plain: Vec<u8>, sequence: u64) -> Result<String, SrtpError> {
    let mut buffer = plain;
    let plain_len = buffer.len();
    let header_len = header_len(&buffer).ok_or(SrtpError::BadHeader)?;
    buffer.resize(plain_len + session.profile().rtp_overhead(), 0);
    let len = session.protect_rtp(&mut buffer, plain_len, header_len, sequence)?;
    Ok(to_hex(&buffer[..len]))
}

fn unprotect_rtp(session: &mut Inbound, mut packet: Vec<u8>) -> Result<String, SrtpError> {
    let header_len = header_len(&packet).ok_or(SrtpError::BadHeader)?;
    let opened = session.unprotect_rtp(&mut packet, header_len)?;
    let plain = to_hex(&packet[..opened.len]);
    Ok(format!("{plain} {}", opened.extended_sequence))
}

/// Fixed header, CSRCs and extension block (RFC 3550 section 5.1), in bytes.
fn header_len(packet: &[u8]) -> Option<usize> {
    let first = *packet.first()?;
    let fixed = 12 + 4 * usize::from(first & 0x0f);
    if first & 0x10 == 0 {
        return Some(fixed);
    }
    let words = u16::from_be_bytes([*packet.get(fixed + 2)?, *packet.get(fixed + 3)?]);
    Some(fixed + 4 + 4 * usize::from(words))
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let pairs = digits.map(|pair| std::str::from_utf8(pair).ok());
    pairs
        .map(|pair| u8::from_str_radix(pair?, 16).ok())
        .collect()
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
