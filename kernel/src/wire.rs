//! A message of the Jupyter protocol in transit: its address, a signature, and the parts. The front decodes only the
//! parts that it needs; the others are passed on byte for byte.
//!
//! <https://jupyter-client.readthedocs.io/en/stable/messaging.html#the-wire-protocol>

use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use zeromq::ZmqMessage;

const DELIMITER: &[u8] = b"<IDS|MSG>";

/// Header, parent header, metadata and content.
const SIGNED: usize = 4;

/// The key that signs the messages of one side.
#[derive(Clone)]
pub struct Key {
    /// None if the key in the connection file is empty: no signatures.
    mac: Option<Hmac<Sha256>>,
    /// evcxr also signs binary buffers, which the protocol excludes.
    with_buffers: bool,
}

impl Key {
    pub fn of_protocol(key: &str) -> Self {
        Self { mac: mac(key), with_buffers: false }
    }

    pub fn of_evcxr(key: &str) -> Self {
        Self { mac: mac(key), with_buffers: true }
    }

    fn digest(&self, parts: &[Bytes]) -> Option<Hmac<Sha256>> {
        let mut mac = self.mac.clone()?;
        let signed = if self.with_buffers { parts.len() } else { SIGNED };
        parts.iter().take(signed).for_each(|part| mac.update(part));
        Some(mac)
    }
}

fn mac(key: &str) -> Option<Hmac<Sha256>> {
    // new_from_slice accepts keys of any length, so it cannot fail.
    if key.is_empty() { None } else { Hmac::new_from_slice(key.as_bytes()).ok() }
}

/// Why a message is dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

#[derive(Debug, Clone)]
pub struct Wire {
    /// The client's address in the socket, or the topic of a publication.
    pub identities: Vec<Bytes>,
    parts: Vec<Bytes>,
    pub header: Header,
}

/// The fields of a header that the front needs.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Header {
    pub msg_id: String,
    pub msg_type: String,
    pub session: String,
}

impl Wire {
    /// Parses a message and checks its signature.
    pub fn read(message: ZmqMessage, key: &Key) -> Result<Self, Malformed> {
        let mut frames = message.into_vec();
        let delimiter = frames.iter().position(|frame| &frame[..] == DELIMITER);
        let delimiter = delimiter.ok_or(Malformed("it has no delimiter"))?;
        if frames.len() < delimiter + 2 + SIGNED {
            return Err(Malformed("it has too few parts"));
        }
        let parts = frames.split_off(delimiter + 2);
        if let Some(mac) = key.digest(&parts) {
            let signature = hex::decode(&frames[delimiter + 1]).map_err(|_| Malformed("its signature is not hex"))?;
            mac.verify_slice(&signature).map_err(|_| Malformed("its signature is wrong"))?;
        }
        frames.truncate(delimiter);
        let header = serde_json::from_slice(&parts[0]).map_err(|_| Malformed("its header is not JSON"))?;
        Ok(Self { identities: frames, parts, header })
    }

    /// Assembles the message again, signed for the other side.
    pub fn write(&self, key: &Key) -> ZmqMessage {
        let signature = key.digest(&self.parts).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default();
        let mut message = ZmqMessage::from(Bytes::from(signature));
        message.push_front(Bytes::from_static(DELIMITER));
        self.identities.iter().rev().for_each(|identity| message.push_front(identity.clone()));
        self.parts.iter().for_each(|part| message.push_back(part.clone()));
        message
    }

    /// A new message without a parent: one of the front's own requests.
    pub fn request(msg_type: &str, session: &str, content: &Value) -> Self {
        Self::new(msg_type, session, Bytes::from_static(b"{}"), content)
    }

    /// A publication that belongs to this request.
    pub fn publication(&self, msg_type: &str, content: &Value) -> Self {
        Self::new(msg_type, &self.header.session, self.parts[0].clone(), content)
    }

    /// The reply to this request, addressed to the client that sent it.
    pub fn reply(&self, content: &Value) -> Self {
        let msg_type = self.header.msg_type.replace("_request", "_reply");
        Self { identities: self.identities.clone(), ..self.publication(&msg_type, content) }
    }

    fn new(msg_type: &str, session: &str, parent: Bytes, content: &Value) -> Self {
        let msg_id = uuid::Uuid::new_v4().to_string();
        let header = json!({
            "msg_id": msg_id,
            "msg_type": msg_type,
            "session": session,
            "username": "kernel",
            "date": chrono::Utc::now().to_rfc3339(),
            "version": "5.3",
        });
        let parts = vec![to_bytes(&header), parent, Bytes::from_static(b"{}"), to_bytes(content)];
        let header = Header { msg_id, msg_type: msg_type.to_owned(), session: session.to_owned() };
        Self { identities: Vec::new(), parts, header }
    }

    pub fn is(&self, msg_type: &str) -> bool {
        self.header.msg_type == msg_type
    }

    /// The header of the request that this message belongs to; empty if there is none.
    pub fn parent(&self) -> Header {
        serde_json::from_slice(&self.parts[1]).unwrap_or_default()
    }

    /// Content that is not JSON is null, but the message is still passed on.
    pub fn content(&self) -> Value {
        serde_json::from_slice(&self.parts[3]).unwrap_or_default()
    }

    pub fn set_content(&mut self, content: &Value) {
        self.parts[3] = to_bytes(content);
    }
}

fn to_bytes(value: &Value) -> Bytes {
    Bytes::from(value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Wire {
        let request = Wire::request("execute_request", "s", &json!({"code": "1"}));
        Wire { identities: vec![Bytes::from_static(b"client")], ..request }
    }

    #[test]
    fn what_is_written_is_read_and_relays_unchanged() {
        for key in ["", "secret"].map(Key::of_protocol) {
            let mut sent = request();
            // Fields in their own order, one that no client knows, and a buffer.
            sent.parts[2] = Bytes::from_static(b"{ \"z\":1,\"a\" : [2] }");
            sent.parts.push(Bytes::from_static(&[0, 255]));
            let read = Wire::read(sent.write(&key), &key).unwrap();
            assert_eq!((read.parts, read.identities), (sent.parts, sent.identities));
            assert_eq!(read.header.msg_type, "execute_request");
        }
    }

    #[test]
    fn what_is_signed_otherwise_or_changed_is_refused() {
        let (key, other) = (Key::of_protocol("secret"), Key::of_protocol("other"));
        let wrong = Some(Malformed("its signature is wrong"));
        assert_eq!(Wire::read(request().write(&other), &key).err(), wrong);
        let mut frames = request().write(&key).into_vec();
        frames[6] = Bytes::from_static(b"{\"code\":\"2\"}");
        assert_eq!(Wire::read(frames.try_into().unwrap(), &key).err(), wrong);
        let unsigned = Wire::read(request().write(&Key::of_protocol("")), &key);
        assert_eq!(unsigned.err(), wrong);
    }

    #[test]
    fn what_is_no_message_is_refused() {
        let key = Key::of_protocol("");
        let read = |frames: &[&'static [u8]]| {
            let frames: Vec<Bytes> = frames.iter().map(|frame| Bytes::from_static(frame)).collect();
            Wire::read(frames.try_into().unwrap(), &key).err().unwrap().0
        };
        assert_eq!(read(&[b"x"]), "it has no delimiter");
        assert_eq!(read(&[b"x", DELIMITER, b"", b"{}"]), "it has too few parts");
        assert_eq!(read(&[DELIMITER, b"", b"[", b"{}", b"{}", b"{}"]), "its header is not JSON");
    }

    /// `cargo xtask fuzz --only wire` runs this for longer.
    #[test]
    fn fuzz_wire() {
        let seconds = std::env::var("DDPM_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(0.3);
        let end = std::time::Instant::now() + std::time::Duration::from_secs_f64(seconds);
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % below as u64) as usize
        };
        let (unsigned, signed, other) = (Key::of_protocol(""), Key::of_protocol("secret"), Key::of_evcxr("secret"));
        let (mut read, mut refused) = (0, 0);
        while std::time::Instant::now() < end {
            let mut frames = request().write(if random(2) == 0 { &signed } else { &unsigned }).into_vec();
            for _ in 0..=random(4) {
                let place = random(frames.len());
                let mut frame = frames[place].to_vec();
                match random(5) {
                    0 => drop(frames.remove(place)),
                    1 => frames.insert(place, Bytes::from(vec![random(256) as u8; random(70)])),
                    2 => frame.truncate(random(frame.len() + 1)),
                    3 if !frame.is_empty() => {
                        let at = random(frame.len());
                        frame[at] = random(256) as u8;
                    }
                    _ => frame.extend_from_slice(DELIMITER),
                }
                if frames.is_empty() {
                    frames.push(Bytes::new());
                }
                let place = place.min(frames.len() - 1);
                frames[place] = frame.into();
            }
            let message = ZmqMessage::try_from(frames).unwrap();
            for key in [&unsigned, &signed, &other] {
                match Wire::read(message.clone(), key) {
                    Ok(mut wire) => {
                        // Whatever it contains, it can be answered and passed on.
                        let (_, _, content) = (wire.parent(), wire.reply(&json!({})), wire.content());
                        wire.set_content(&content);
                        assert!(Wire::read(wire.write(&signed), &signed).is_ok());
                        read += 1;
                    }
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(read > 0 && refused > 0, "{read} messages read, {refused} refused: this shows nothing");
    }

    #[test]
    fn a_reply_goes_to_the_client_and_names_the_request() {
        let request = request();
        let reply = request.reply(&json!({"status": "ok"}));
        assert!(reply.is("execute_reply"));
        assert_eq!((reply.parent().msg_id, reply.identities.len()), (request.header.msg_id.clone(), 1));
        assert!(request.publication("status", &json!({})).identities.is_empty());
    }
}
