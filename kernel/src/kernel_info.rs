//! The kernel's description of itself. The front sends it without evcxr, at once and at any time: evcxr takes a while
//! to start, and does not respond while a cell runs.

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
        "banner": "Rust, run by evcxr behind the ddpm_tutor front",
        "help_links": [{"text": "The Rust standard library", "url": "https://doc.rust-lang.org/stable/std/"}],
    })
}
