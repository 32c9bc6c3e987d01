//! The sockets between the front and evcxr.

use zeromq::DealerSendHalf;

/// Sends messages to evcxr.
pub struct Sockets {
    pub shell: DealerSendHalf,
    pub control: DealerSendHalf,
    pub stdin: DealerSendHalf,
}

impl std::fmt::Debug for Sockets {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("Sockets")
    }
}
