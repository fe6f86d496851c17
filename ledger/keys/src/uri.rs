//! Where a device holds a key: a PKCS #11 URI (RFC 7512) with the token's label, the object's label, and the path of the
//! module that speaks to the device. It never holds a PIN: that is the passphrase.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// Longest URI.
const URI_BYTES_MAX: usize = 1_024;

/// Why a text is not a URI that this software uses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a PKCS #11 URI that can be used: {0}; expected pkcs11:token=LABEL;object=LABEL?module-path=/path/of/module.so"
)]
pub struct UriError(&'static str);

/// A key in a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenUri {
    /// Label of the token.
    pub token: String,
    /// Label of the key pair.
    pub object: String,
    /// The device's PKCS #11 module.
    pub module: PathBuf,
}

impl FromStr for TokenUri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        if text.len() > URI_BYTES_MAX {
            return Err(UriError("it is too long"));
        }
        let rest = text.strip_prefix("pkcs11:").ok_or(UriError("it does not begin with pkcs11:"))?;
        let (path, query) = rest.split_once('?').ok_or(UriError("module-path is missing"))?;
        let (mut token, mut object, mut module) = (None, None, None);
        for attribute in path.split(';').chain(query.split('&')) {
            let (name, value) = attribute.split_once('=').ok_or(UriError("an attribute without a value"))?;
            let place = match name {
                "token" => &mut token,
                "object" => &mut object,
                "module-path" => &mut module,
                "pin-value" | "pin-source" => return Err(UriError("it must not say anything of the PIN")),
                "type" if value == "private" => continue,
                _ => return Err(UriError("an attribute that this software does not know")),
            };
            if place.replace(decoded(value)?).is_some() {
                return Err(UriError("an attribute stands twice"));
            }
        }
        Ok(Self {
            token: token.ok_or(UriError("token is missing"))?,
            object: object.ok_or(UriError("object is missing"))?,
            module: module.ok_or(UriError("module-path is missing"))?.into(),
        })
    }
}

fn decoded(value: &str) -> Result<String, UriError> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.split_at_checked(2).ok_or(UriError("% without two hexadecimal digits"))?;
        let mut byte = [0];
        hex::decode_to_slice(digits.0, &mut byte).map_err(|_| UriError("% without two hexadecimal digits"))?;
        bytes.push(byte[0]);
        rest = digits.1;
    }
    String::from_utf8(bytes).map_err(|_| UriError("it is not text"))
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

impl fmt::Display for TokenUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let module = encoded(&self.module.to_string_lossy());
        write!(f, "pkcs11:token={};object={}?module-path={module}", encoded(&self.token), encoded(&self.object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris_are_read_as_they_are_written() {
        let uri = TokenUri { token: "tamga 1".into(), object: "cosigner;é".into(), module: "/usr/lib/x.so".into() };
        assert_eq!(uri.to_string().parse::<TokenUri>(), Ok(uri.clone()));
        let text = "pkcs11:token=tamga%201;type=private;object=cosigner%3b%C3%A9?module-path=/usr/lib/x.so";
        assert_eq!(text.parse::<TokenUri>(), Ok(uri));
    }

    #[test]
    fn a_uri_with_a_pin_or_with_what_is_unknown_is_refused() {
        for text in [
            "",
            "http://x",
            "pkcs11:token=a;object=b",
            "pkcs11:token=a;object=b?module-path=/x&pin-value=1234",
            "pkcs11:token=a;token=b;object=c?module-path=/x",
            "pkcs11:token=%zz;object=c?module-path=/x",
            "pkcs11:token=%4",
            "pkcs11:serial=1;token=a;object=c?module-path=/x",
        ] {
            assert!(text.parse::<TokenUri>().is_err(), "{text}");
        }
    }
}
