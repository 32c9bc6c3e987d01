//! pip's settings for indices, certificates and proxies, as uv's environment variables.

use std::env;
use std::path::Path;
use std::process::Command;

use crate::process::output_of;

/// pip's name, uv's variable, and the separator of multiple values.
const NAMES: [(&str, &str, &str); 9] = [
    ("index-url", "UV_DEFAULT_INDEX", " "),
    ("extra-index-url", "UV_INDEX", " "),
    ("find-links", "UV_FIND_LINKS", ","),
    ("no-index", "UV_OFFLINE", " "),
    ("trusted-host", "UV_INSECURE_HOST", " "),
    ("cert", "SSL_CERT_FILE", " "),
    ("proxy", "HTTPS_PROXY", " "),
    ("timeout", "UV_HTTP_TIMEOUT", " "),
    ("default-timeout", "UV_HTTP_TIMEOUT", " "),
];

/// The variables for uv, without those that the user has set.
pub fn for_uv(python: &Path) -> Vec<(&'static str, String)> {
    // From environment variables and all configuration files that pip reads.
    let listed = output_of(Command::new(python).args(["-m", "pip", "config", "list"])).unwrap_or_default();
    let settings = translated(&listed).into_iter();
    settings.filter(|(name, _)| env::var_os(name).is_none_or(|value| value.is_empty())).collect()
}

fn translated(listed: &str) -> Vec<(&'static str, String)> {
    let value_of = |wanted: &str| {
        // In pip's order of precedence.
        [":env:", "install", "global"].iter().find_map(|section| {
            let mut lines = listed.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| key.strip_prefix(section).and_then(|key| key.strip_prefix('.')) == Some(wanted))
        })
    };
    let mut settings = Vec::new();
    for (name, variable, separator) in NAMES {
        if let Some((_, value)) = value_of(name) {
            // The value is a Python string literal; multiple values are on separate lines of it.
            let value = value.trim().trim_matches(['\'', '"']).replace("\\n", " ");
            settings.push((variable, value.split_whitespace().collect::<Vec<_>>().join(separator)));
        }
    }
    // Like pip, trust the system's certificates and take the best version from all indices.
    settings.push(("UV_SYSTEM_CERTS", "1".to_owned()));
    settings.push(("UV_INDEX_STRATEGY", "unsafe-best-match".to_owned()));
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_pip_become_those_of_uv() {
        let listed = ":env:.default-timeout='180'\n:env:.find-links='/a /b'\nglobal.find-links='/c'\n\
                      global.extra-index-url='\\nhttps://x.example/simple?a=b\\nhttps://y.example/simple'\n\
                      freeze.timeout='1'";
        let settings = translated(listed);
        let of = |name: &str| settings.iter().find(|setting| setting.0 == name).map(|setting| setting.1.as_str());
        assert_eq!(of("UV_FIND_LINKS"), Some("/a,/b"));
        assert_eq!(of("UV_INDEX"), Some("https://x.example/simple?a=b https://y.example/simple"));
        assert_eq!((of("UV_HTTP_TIMEOUT"), of("SSL_CERT_FILE")), (Some("180"), None));
    }
}
