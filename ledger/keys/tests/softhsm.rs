//! A key in a device, tried with SoftHSM, which nobody here wrote. One test, since SoftHSM reads its configuration once a process.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use std::process::Command;

use tamga_keys::{KeyFile, Passphrase, Passphrases, Purpose, TokenUri, make_device_key, write_new};
use tamga_ledger::note::{CosignerKey, KeyName, SignedNote};
use tamga_ledger::sign::{Domain, sign_with, verify};
use tamga_platform::disk::OsDisk;

const PIN: &str = "a pin of many letters";
const MODULES: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
/// Set in the process that this test starts, where SoftHSM finds its configuration.
const INNER: &str = "TAMGA_TEST_SOFTHSM";

fn softhsm() -> Option<PathBuf> {
    let there = Command::new("softhsm2-util").arg("--version").output().is_ok_and(|output| output.status.success());
    MODULES.iter().map(PathBuf::from).find(|path| there && path.exists())
}

#[test]
fn a_key_that_never_leaves_its_device_signs() {
    let Some(module) = softhsm() else {
        assert!(std::env::var_os("TAMGA_TESTS_NOTHING_SKIPPED").is_none(), "softhsm2 is not installed");
        eprintln!("SKIPPED: softhsm2 is not installed (Debian: apt-get install softhsm2)");
        return;
    };
    if std::env::var_os(INNER).is_some() {
        return in_the_device(&module);
    }
    // An environment of its own: the variable must be there before the process begins.
    let folder = tempfile::tempdir().unwrap();
    let (tokens, conf) = (folder.path().join("tokens"), folder.path().join("softhsm2.conf"));
    std::fs::create_dir(&tokens).unwrap();
    std::fs::write(&conf, format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display()))
        .unwrap();
    let init = ["--init-token", "--free", "--label", "tamga test", "--so-pin", "12345678", "--pin", PIN];
    let made = Command::new("softhsm2-util").args(init).env("SOFTHSM2_CONF", &conf).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let inner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_key_that_never_leaves_its_device_signs", "--nocapture"])
        .env("SOFTHSM2_CONF", &conf)
        .env(INNER, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&inner.stdout).into_owned() + &String::from_utf8_lossy(&inner.stderr);
    assert!(inner.status.success() && text.contains("signed by the device"), "{text}");
}

fn in_the_device(module: &Path) {
    let uri = |object: &str| TokenUri { token: "tamga test".into(), object: object.into(), module: module.into() };
    let pin = Passphrase::new(PIN);
    let public = make_device_key(&uri("cosigner"), &pin).unwrap();
    make_device_key(&uri("cosigner"), &pin).unwrap_err();
    let other = make_device_key(&uri("log"), &pin).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |purpose: Purpose, key: &str, object: &str| {
        let text = format!("tamga-key/v2 {} {key}\n{}\n", purpose.name(), uri(object));
        write_new(&OsDisk, &folder.path().join(purpose.file()), text.as_bytes()).unwrap();
        KeyFile::read(&OsDisk, folder.path(), purpose).unwrap()
    };
    let file = write(Purpose::Cosigner, &public.to_string(), "cosigner");
    assert!(!file.is_clear());
    let key = file.unlock(&Passphrases::fixed(PIN)).unwrap();
    assert!(!key.signer().is_instant(), "whoever must not block has to know");
    let signature = sign_with(key.signer(), Domain::Record, b"a record").unwrap();
    assert!(verify(&public, Domain::Record, b"a record", &signature));
    // A cosignature as any verifier takes it.
    let cosigner = CosignerKey::new(KeyName::new("hsm.example").unwrap(), key.into_signer()).unwrap();
    let note =
        SignedNote::unsigned("example.org/log\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n".into()).unwrap();
    let line = cosigner.cosign(&note, 1_764_489_600).unwrap();
    assert_eq!(cosigner.verifier_key().verify(note.text(), &line), Ok(Some(1_764_489_600)));
    // What the file says must be what the device has.
    let wrong =
        write(Purpose::Log, &public.to_string(), "log").unlock(&Passphrases::fixed(PIN)).unwrap_err().to_string();
    assert!(wrong.contains("another key") && public != other, "{wrong}");
    let nobody = write(Purpose::Batch, &public.to_string(), "nobody").unlock(&Passphrases::fixed(PIN)).unwrap_err();
    assert!(nobody.to_string().contains("has no Ed25519 key"), "{nobody}");
    println!("signed by the device");
}
