//! Key files: what is written is read, by us and by OpenSSL; whatever else is refused.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use tamga_keys::{
    EncryptError, KeyFile, KeyFileError, Passphrase, PassphraseError, Passphrases, Purpose, check_mode, is_encrypted,
    protect_pem, read_key, rewrite_key, unprotect_pem, write_key,
};
use tamga_ledger::sign::public_key;
use tamga_platform::disk::{Disk as _, MemDisk, OsDisk};
use tamga_platform::entropy::SeededEntropy;

const PHRASE: &str = "correct horse battery staple";

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn folder() -> &'static Path {
    Path::new("/keys")
}

fn sealed(disk: &MemDisk) {
    disk.create_dir_all(folder()).unwrap();
    let (passphrase, entropy) = (Passphrase::new(PHRASE), SeededEntropy::new(1));
    write_key(disk, folder(), Purpose::Cosigner, &key(), Some((&passphrase, &entropy))).unwrap();
}

#[test]
fn an_encrypted_key_opens_with_its_passphrase_and_with_no_other() {
    let disk = MemDisk::default();
    sealed(&disk);
    let file = KeyFile::read(&disk, folder(), Purpose::Cosigner).unwrap();
    assert!(!file.is_clear());
    assert_eq!(file.public_key(), public_key(&key()), "known without a passphrase");
    let opened = file.unlock(&Passphrases::fixed(PHRASE)).unwrap();
    assert_eq!(opened.signer().public_key(), public_key(&key()));
    let error = file.unlock(&Passphrases::fixed("correct horse battery stapler")).unwrap_err();
    assert!(matches!(error, KeyFileError::Encryption { source: EncryptError::Passphrase, .. }), "{error}");
    let error = file.unlock(&Passphrases::nowhere()).unwrap_err();
    assert!(matches!(error, KeyFileError::Passphrase { source: PassphraseError::None, .. }), "{error}");
    let bytes = disk.read(&folder().join("cosigner.key"), 65_536).unwrap();
    let secret = hex::encode(key().to_bytes());
    assert!(!String::from_utf8(bytes).unwrap().contains(&secret), "nothing of the secret is in the file");
}

#[test]
fn a_passphrase_is_changed_and_the_key_stays() {
    let disk = MemDisk::default();
    sealed(&disk);
    let (other, entropy) = (Passphrase::new("another passphrase"), SeededEntropy::new(2));
    rewrite_key(&disk, folder(), Purpose::Cosigner, &key(), (&other, &entropy)).unwrap();
    read_key(&disk, folder(), Purpose::Cosigner, &Passphrases::fixed(PHRASE)).unwrap_err();
    let opened = read_key(&disk, folder(), Purpose::Cosigner, &Passphrases::fixed(other.as_str())).unwrap();
    assert_eq!(opened.signer().public_key(), public_key(&key()));
}

#[test]
fn a_file_whose_secret_is_not_that_of_its_public_key_is_refused() {
    let disk = MemDisk::default();
    sealed(&disk);
    let path = folder().join("cosigner.key");
    let text = String::from_utf8(disk.read(&path, 65_536).unwrap()).unwrap();
    let own = public_key(&key()).to_string();
    let other = public_key(&SigningKey::from_bytes(&[8; 32])).to_string();
    disk.replace(&path, text.replace(&own, &other).as_bytes()).unwrap();
    let error = read_key(&disk, folder(), Purpose::Cosigner, &Passphrases::fixed(PHRASE)).unwrap_err();
    assert!(matches!(error, KeyFileError::OtherKey { .. }), "{error}");
}

#[test]
fn a_file_that_would_cost_too_much_to_open_is_refused_at_once() {
    // N = 2^30, r = 8: a tebibyte.
    let (passphrase, entropy) = (Passphrase::new(PHRASE), SeededEntropy::new(1));
    let disk = MemDisk::default();
    sealed(&disk);
    let text = String::from_utf8(disk.read(&folder().join("cosigner.key"), 65_536).unwrap()).unwrap();
    let pem = text.split_once('\n').unwrap().1;
    let (_, document) = pkcs8::Document::from_pem(pem).unwrap();
    let mut der = document.as_bytes().to_vec();
    // INTEGER 16384 (02 02 40 00) becomes 0, and 32767.
    let at = der.windows(4).position(|four| four == [2, 2, 0x40, 0]).unwrap();
    for bytes in [[0, 0], [0x7f, 0xff], [0, 1]] {
        der[at + 2..at + 4].copy_from_slice(&bytes);
        let Ok(document) = pkcs8::Document::try_from(der.as_slice()) else { continue };
        let pem = document.to_pem("ENCRYPTED PRIVATE KEY", pkcs8::LineEnding::LF).unwrap();
        let error = unprotect_pem(&pem, &passphrase).unwrap_err();
        assert!(matches!(error, EncryptError::Cost | EncryptError::Algorithm), "{error}");
    }
    let clear = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH\n-----END PRIVATE KEY-----\n";
    let sealed = protect_pem(clear, &passphrase, &entropy).unwrap();
    assert!(is_encrypted(&sealed) && !is_encrypted(clear));
    assert_eq!(unprotect_pem(&sealed, &passphrase).unwrap().as_str(), clear);
    assert_eq!(protect_pem(&sealed, &passphrase, &entropy), Err(EncryptError::Malformed), "not twice");
}

#[test]
fn keys_in_the_clear_are_known_as_such_and_files_are_never_replaced() {
    let disk = MemDisk::default();
    disk.create_dir_all(folder()).unwrap();
    write_key(&disk, folder(), Purpose::Log, &key(), None).unwrap();
    let file = KeyFile::read(&disk, folder(), Purpose::Log).unwrap();
    assert!(file.is_clear());
    assert_eq!(file.unlock(&Passphrases::nowhere()).unwrap().signer().public_key(), public_key(&key()));
    let again = write_key(&disk, folder(), Purpose::Log, &key(), None).unwrap_err();
    assert!(matches!(again, KeyFileError::Io { source, .. } if source.kind() == std::io::ErrorKind::AlreadyExists));
}

#[test]
fn openssl_reads_our_files_and_we_read_its() {
    let there = Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success());
    if !there {
        assert!(std::env::var_os("TAMGA_TESTS_NOTHING_SKIPPED").is_none(), "openssl is not installed");
        eprintln!("SKIPPED: openssl is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let passphrase = Passphrase::new(PHRASE);
    write_key(&OsDisk, folder.path(), Purpose::Record, &key(), Some((&passphrase, &SeededEntropy::new(3)))).unwrap();
    let path = folder.path().join("record.key");
    let openssl = |arguments: &[&str]| {
        let output = Command::new("openssl").args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    // A public key in DER (RFC 8410): twelve bytes, then the key.
    let pass = format!("pass:{PHRASE}");
    let public = openssl(&["pkey", "-in", path.to_str().unwrap(), "-passin", &pass, "-pubout", "-outform", "DER"]);
    assert_eq!(public[12..], public_key(&key()).0);
    // The other way, with the scrypt of OpenSSL, and with its default derivation.
    let theirs = folder.path().join("theirs.pem");
    let clear = folder.path().join("clear.pem");
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", clear.to_str().unwrap()]);
    for more in [&["-scrypt"][..], &["-v2", "aes-256-cbc"]] {
        let mut arguments = vec!["pkcs8", "-topk8", "-in", clear.to_str().unwrap(), "-out", theirs.to_str().unwrap()];
        arguments.extend(["-passout", &pass]);
        arguments.extend(more);
        openssl(&arguments);
        let opened = unprotect_pem(&std::fs::read_to_string(&theirs).unwrap(), &passphrase).unwrap();
        assert_eq!(opened.as_str(), std::fs::read_to_string(&clear).unwrap(), "{more:?}");
    }
}

#[test]
fn wide_modes_are_refused_for_keys_and_passphrases() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    std::fs::write(&path, format!("{PHRASE}\nnot this line\n")).unwrap();
    let set = |mode| std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    let source = || Passphrases::choose(Some(&path), None);
    for mode in [0o640, 0o604] {
        set(mode);
        assert!(matches!(check_mode(&path), Err(KeyFileError::Mode { .. })));
        let error = source().get().unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
    set(0o600);
    check_mode(&path).unwrap();
    assert_eq!(source().get_new().unwrap().as_str(), PHRASE);
    std::fs::write(&path, "short").unwrap();
    assert!(matches!(source().get_new(), Err(PassphraseError::Short)));
    std::fs::write(&path, vec![b'x'; 4_096]).unwrap();
    assert!(source().get().is_err());
    std::fs::write(&path, "\n").unwrap();
    assert!(source().get().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_is_a_key_file_or_refused(text in "(tamga-key/v[12] (log|batch) [0-9a-f]{0,66}\n)?(pkcs11:)?(-----BEGIN ENCRYPTED PRIVATE KEY-----\n)?.{0,80}") {
        let disk = MemDisk::default();
        disk.create_dir_all(folder()).unwrap();
        disk.replace(&folder().join("log.key"), text.as_bytes()).unwrap();
        if let Ok(file) = KeyFile::read(&disk, folder(), Purpose::Log) {
            let _ = file.unlock(&Passphrases::fixed(PHRASE));
        }
    }
}

proptest! {
    // Each opens a file, which costs a fifth of a second on purpose.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_altered_byte_gives_another_key(at in 0usize..500, flip in 1u8..=255) {
        let disk = MemDisk::default();
        sealed(&disk);
        let path = folder().join("cosigner.key");
        let mut bytes = disk.read(&path, 65_536).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        disk.replace(&path, &bytes).unwrap();
        if let Ok(key) = read_key(&disk, folder(), Purpose::Cosigner, &Passphrases::fixed(PHRASE)) {
            prop_assert_eq!(key.signer().public_key(), public_key(&self::key()));
        }
    }
}
