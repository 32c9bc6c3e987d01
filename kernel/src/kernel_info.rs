//! What the kernel says of itself. The front answers this alone, at once and at any time: evcxr needs a while to start, and
//! has no ear for it while a cell runs.

use serde_json::{Value, json};

pub fn content() -> Value {
    json!({
        "status": "ok",
        "protocol_version": "5.3",
        "implementation": env!("CARGO_PKG_NAME"),
        "implementation_version": env!("CARGO_PKG_VERSION"),
        "language_info": {
            "name": "Rust",
            "version": "",
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
        },
        "banner": "Rust, by evcxr behind the front of ddpm_tutor",
        "help_links": [{"text": "The standard library of Rust", "url": "https://doc.rust-lang.org/stable/std/"}],
    })
}
