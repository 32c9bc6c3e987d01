//! The sockets on which the front talks to evcxr.

use zeromq::DealerSendHalf;

/// What is sent to evcxr with.
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
