//! Keys that a device holds and never gives away, by PKCS #11 (version 3: CKM_EDDSA over CKK_EC_EDWARDS, curve edwards25519).
//!
//! One session a key, behind a lock: a device signs one thing at a time. A session that has died (the device was unplugged
//! and is back) is opened anew once. Whatever the device signs is verified before it leaves: a device with a fault must not
//! make this node's signature worthless, or reveal its key by a faulty signature.

use std::fmt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use ed25519_dalek::VerifyingKey;
use tamga_ledger::ids::{PublicKey, Signature};
use tamga_ledger::sign::{Signer, SignerError};

use crate::passphrase::Passphrase;
use crate::uri::TokenUri;

/// The curve's name as a PrintableString, as PKCS #11 v3 has it: `edwards25519`.
const EDWARDS25519: [u8; 14] = *b"\x13\x0cedwards25519";

/// A key in a device.
pub struct DeviceKey {
    uri: TokenUri,
    pin: Passphrase,
    public: PublicKey,
    /// None after a failure: opened anew for the next signature.
    session: Mutex<Option<Opened>>,
}

struct Opened {
    session: Session,
    private: ObjectHandle,
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceKey").field("uri", &self.uri.to_string()).finish_non_exhaustive()
    }
}

fn fault(what: impl fmt::Display) -> SignerError {
    SignerError(what.to_string())
}

impl DeviceKey {
    /// Logs in and finds the key, which must be that of `public`: it is asked to sign something.
    ///
    /// # Errors
    /// [`SignerError`], saying what the device said.
    pub fn open(uri: TokenUri, public: PublicKey, pin: Passphrase) -> Result<Self, SignerError> {
        let key = Self { uri, pin, public, session: Mutex::new(None) };
        // Nothing else that is signed begins like this.
        key.sign_bytes(b"tamga/device-key/v1\n")?;
        Ok(key)
    }

    fn connect(&self) -> Result<Opened, SignerError> {
        let session = log_in(&self.uri, &self.pin)?;
        let template = [
            Attribute::Class(ObjectClass::PRIVATE_KEY),
            Attribute::KeyType(KeyType::EC_EDWARDS),
            Attribute::Label(self.uri.object.clone().into_bytes()),
        ];
        let found = session.find_objects(&template).map_err(fault)?;
        match found.as_slice() {
            [private] => Ok(Opened { private: *private, session }),
            [] => Err(fault(format!("token {:?} has no Ed25519 key {:?}", self.uri.token, self.uri.object))),
            _ => Err(fault(format!("token {:?} has several keys {:?}", self.uri.token, self.uri.object))),
        }
    }
}

impl Signer for DeviceKey {
    fn public_key(&self) -> PublicKey {
        self.public
    }

    fn sign_bytes(&self, message: &[u8]) -> Result<Signature, SignerError> {
        let mut held = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let was_open = held.is_some();
        let mut signed = self.sign_in(&mut held, message);
        if signed.is_err() && was_open {
            signed = self.sign_in(&mut held, message);
        }
        let signature = signed?;
        let verified = VerifyingKey::from_bytes(&self.public.0)
            .and_then(|key| key.verify_strict(message, &ed25519_dalek::Signature::from_bytes(&signature.0)));
        match verified {
            Ok(()) => Ok(signature),
            Err(_) => {
                Err(fault("its signature does not verify under the public key in the key file: it is another key"))
            }
        }
    }
}

impl DeviceKey {
    fn sign_in(&self, held: &mut Option<Opened>, message: &[u8]) -> Result<Signature, SignerError> {
        let opened = match held.take() {
            Some(opened) => opened,
            None => self.connect()?,
        };
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let signature = opened.session.sign(&mechanism, opened.private, message).map_err(fault)?;
        let signature = signature.try_into().map_err(|_| fault("its signature does not have 64 bytes"))?;
        *held = Some(opened);
        Ok(Signature(signature))
    }
}

fn module(path: &Path) -> Result<Pkcs11, SignerError> {
    let module = Pkcs11::new(path).map_err(|error| fault(format!("module {}: {error}", path.display())))?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // Several keys of one device: the module is initialised once a process.
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, Function::Initialize)) => Ok(module),
        Err(error) => Err(fault(format!("module {}: {error}", path.display()))),
    }
}

fn log_in(uri: &TokenUri, pin: &Passphrase) -> Result<Session, SignerError> {
    let module = module(&uri.module)?;
    let slots = module.get_slots_with_token().map_err(fault)?;
    let labelled = |slot: &cryptoki::slot::Slot| {
        module.get_token_info(*slot).is_ok_and(|info| info.label().trim_end() == uri.token)
    };
    let mut slots = slots.into_iter().filter(labelled);
    let slot = slots.next().ok_or_else(|| fault(format!("there is no token {:?}", uri.token)))?;
    if slots.next().is_some() {
        return Err(fault(format!("several tokens are called {:?}", uri.token)));
    }
    let session = module.open_rw_session(slot).map_err(fault)?;
    // A login holds for all sessions of this process with the token.
    match session.login(UserType::User, Some(&AuthPin::new(pin.as_str().into()))) {
        Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, Function::Login)) => Ok(session),
        Err(error) => Err(fault(format!("the login (the passphrase is the PIN): {error}"))),
    }
}

/// Makes a key pair in a device, which never leaves it, and returns the public half.
///
/// # Errors
/// [`SignerError`]; also if the token has a key of that label.
pub fn make_device_key(uri: &TokenUri, pin: &Passphrase) -> Result<PublicKey, SignerError> {
    let session = log_in(uri, pin)?;
    let label = uri.object.clone().into_bytes();
    let taken = session.find_objects(&[Attribute::Label(label.clone())]).map_err(fault)?;
    if !taken.is_empty() {
        return Err(fault(format!(
            "token {:?} has an object {:?} already; keys are not replaced",
            uri.token, uri.object
        )));
    }
    let public = [
        Attribute::Token(true),
        Attribute::Private(false),
        Attribute::Verify(true),
        Attribute::Label(label.clone()),
        Attribute::EcParams(EDWARDS25519.to_vec()),
    ];
    let private = [
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Sign(true),
        Attribute::Label(label),
    ];
    let (public, _) = session.generate_key_pair(&Mechanism::EccEdwardsKeyPairGen, &public, &private).map_err(fault)?;
    let attributes = session.get_attributes(public, &[AttributeType::EcPoint]).map_err(fault)?;
    let point = attributes.into_iter().find_map(|attribute| match attribute {
        Attribute::EcPoint(point) => Some(point),
        _ => None,
    });
    let point = point.ok_or_else(|| fault("it does not give the public key"))?;
    // Version 2.40 wraps the point as an octet string, some as a bit string; others give it bare.
    let bare = match point.as_slice() {
        [0x04, 0x20, rest @ ..] if rest.len() == 32 => rest,
        [0x03, 0x21, 0x00, rest @ ..] if rest.len() == 32 => rest,
        bare => bare,
    };
    bare.try_into().map(PublicKey).map_err(|_| fault("its public key does not have 32 bytes"))
}
