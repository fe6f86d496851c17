//! `tamga day` and `tamga key`: what a commission, an observer, a custodian records on the day. Drafted here, read and signed where each
//! key is, merged, submitted.

use crate::act::{scope_of, scribe, signers};
use crate::args::{
    BasisName, ClassName, CountersArguments, CustodyArguments, Day, DayDraft, DayRecord, Figures, FindingName,
    KeyCommand, PassphraseArguments, ProtocolArguments, Sign,
};
use crate::counts::{BatchFiles, batch, keep, new_seed, own_opening, seed, total};
use crate::failure::{Done, Failure, failed, said};
use crate::governance::{FILE_BYTES_MAX, merge, read, read_draft, record_key, write};
use crate::output::{Output, open_source};
use crate::submit::submit;
use ed25519_dalek::SigningKey;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::{
    BrokenRelation, Draft, Grant, balance_phase, box_phase, check_protocol, close_phase, lines_of, open_phase, phase,
    record_in_words, replace_phase,
};
use tamga_client::counting::{Part, commit_cells, protocol_number};
use tamga_client::evidence::Language;
use tamga_client::verify::{Opened, definition};
use tamga_keys::{Purpose, write_key};
use tamga_ledger::definition::Definition;
use tamga_ledger::ids::{Digest, ElectionId, Maybe, PublicKey};
use tamga_ledger::kinds::{
    CHECKS, CHECKS_ALL, Counters, Countersign, Custody, Finding, Form, HolderClass, IdentificationVoid, KeyGrant,
    KeyRegistration, LineValue, MEMBER_ROLES, MemberRole, Phase, Protocol, ProtocolBasis, StationPhase, SummaryTable,
    VoidedBallot,
};
use tamga_ledger::record::Scope;
use tamga_platform::disk::Disk;
use tamga_platform::entropy::{OsEntropy, random_bytes};

const NAME: &str = "day";
/// Longest scan or photograph of which the digest is made.
const PAPER_BYTES_MAX: u64 = 256 << 20;

pub(crate) fn run(arguments: &Day, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        Day::Seed(arguments) => new_seed(arguments, disk, output),
        Day::Draft(arguments) => draft(arguments, disk, output),
        Day::Sign(arguments) => sign(arguments, disk, output),
        Day::Merge(arguments) => merge(NAME, arguments, disk, output),
        Day::Submit(arguments) => submit(NAME, arguments, disk, output),
    }
}

/// What is to be signed.
#[derive(Serialize)]
struct Content<'a> {
    record: String,
    election: String,
    says: String,
    signers: Vec<String>,
    /// Soft relations that do not hold: to be shown to the members before they sign.
    soft_relations_broken: &'a [BrokenRelation],
}

impl<'a> Content<'a> {
    fn of(draft: &Draft, soft: &'a [BrokenRelation], language: Language) -> Result<Self, Failure> {
        let record = draft.record();
        let says = record_in_words(record, language).map_err(failed)?;
        Ok(Self {
            record: draft.id().to_string(),
            election: record.election.to_string(),
            says: says.ok_or_else(|| {
                said(
                    "бул комиссиянын күнүнүн документи эмес: tamga act, tamga governance буйруктарын караңыз",
                    "это не документ дня комиссии: см. tamga act, tamga governance",
                    "this is no record of a commission's day: see tamga act, tamga governance",
                )
            })?,
            signers: record.signers.iter().map(ToString::to_string).collect(),
            soft_relations_broken: soft,
        })
    }

    fn text(&self, done: &str, language: Language) -> String {
        let mut text = self.says.clone();
        for broken in self.soft_relations_broken {
            text += &format!("\n  ! {broken}");
        }
        let (election, record) =
            (language.of("шайлоо", "выборы", "election"), language.of("жазуу", "запись", "record"));
        let signers = language.of("кол коёт", "подписывают", "to be signed by");
        format!(
            "{text}\n  {election} {}\n  {record} {}\n  {signers} {}\n{done}",
            self.election,
            self.record,
            self.signers.join(", ")
        )
    }
}

fn show(draft: &Draft, soft: &[BrokenRelation], done: &str, language: Language, output: &Output) -> Done {
    let content = Content::of(draft, soft, language)?;
    output.answer(NAME, &content, || content.text(done, language));
    Ok(())
}

fn sign(arguments: &Sign, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let (files, language) = (arguments, output.language());
    let draft = read_draft(disk, &files.draft)?;
    // Nobody signs what this program cannot say.
    let content = Content::of(&draft, &[], language)?;
    let key = record_key(disk, &files.key, &files.passphrase)?;
    let share = draft.share_with(key.signer()).map_err(failed)?;
    let text = serde_json::to_string_pretty(&share).map_err(failed)? + "\n";
    write(disk, &files.out, text.as_bytes())?;
    let done = format!("→ {}", files.out.display());
    output.answer(NAME, &content, || content.text(&done, language));
    Ok(())
}

fn draft(arguments: &DayDraft, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let keys = keys_of(&opened, &arguments.by)?;
    let scope = scope_of(&arguments.about);
    let scribe = scribe(&opened, keys.first(), arguments.sequence, output)?;
    let mut soft = Vec::new();
    if !arguments.roles.is_empty() && phase_of(&arguments.what).is_none() {
        return Err(said(
            "мүчөлөрдүн кызматтары фазада гана жазылат: --role кереги жок",
            "члены называются по должностям только в фазе: уберите --role",
            "only a phase names members by their roles: leave --role away",
        ));
    }
    let draft = match &arguments.what {
        DayRecord::Void { target, printed } => {
            let ballot = if *printed { VoidedBallot::Spoiled } else { VoidedBallot::NotPrinted };
            scribe.draft(scope, &keys, &IdentificationVoid { target: *target, ballot: ballot as u8 })
        }
        DayRecord::Batch { number, last, counts, seed, part } => {
            let known = known_definition(&opened)?;
            let files = BatchFiles { seed, counts, part };
            scribe.draft(scope, &keys, &batch(&files, (*number, *last), scope, &opened, &known, disk)?)
        }
        DayRecord::Opening { part } => scribe.draft(scope, &keys, &own_opening(part, scope, &opened, disk, output)?),
        DayRecord::Total { basis, parts } => {
            scribe.draft(scope, &keys, &total(parts, *basis, scope, &opened, disk, output)?)
        }
        DayRecord::Protocol(protocol) => {
            let known = known_definition(&opened)?;
            let body = protocol_of(protocol, scope, &opened, &known, disk)?;
            let form = form_of(&known, &body.form, body.form_version)?;
            match check_protocol(form, &body) {
                Ok(broken) => soft = broken,
                // What stands on a signed paper is a fact; the ledger flags it and keeps it out of the sums.
                Err(error) if protocol.basis == BasisName::Transcribed => eprintln!("tamga: WARNING: {error}"),
                Err(error) => return Err(failed(error)),
            }
            scribe.draft(scope, &keys, &body)
        }
        DayRecord::Countersign { finding, target, lines, counts, photo } => {
            let body = Countersign {
                target: Maybe(*target),
                finding: finding_of(*finding) as u8,
                lines: lines.iter().map(|(code, value)| LineValue { code: code.clone(), value: *value }).collect(),
                counts: counts.clone(),
                photo: Maybe(digest_of(photo.as_deref(), disk)?),
            };
            scribe.draft(scope, &keys, &body)
        }
        DayRecord::Table { figures, sources } => {
            let known = known_definition(&opened)?;
            let body = SummaryTable {
                form: figures.form.clone(),
                form_version: figures.form_version,
                sources: sources.clone(),
                lines: lines_in_order(figures, &known)?,
                counts: figures.counts.clone(),
                dissenting: figures.dissenting.clone(),
                scan: Maybe(digest_of(figures.scan.as_deref(), disk)?),
            };
            scribe.draft(scope, &keys, &body)
        }
        DayRecord::Custody(custody) => scribe.draft(scope, &keys, &custody_of(custody)?),
        other => {
            let mut body = phase_of(other).ok_or_else(|| {
                said("бул бирдиктин фазасы эмес", "это не фаза единицы", "this is no phase of a unit")
            })?;
            body.checkpoint_size_seen = opened.size().get();
            body.roles = roles_of(&arguments.roles)?;
            scribe.draft(scope, &keys, &body)
        }
    };
    let mut draft = draft.map_err(failed)?;
    if let Some(earlier) = arguments.supersedes {
        draft = draft.superseding(earlier).map_err(failed)?;
    }
    write(disk, &arguments.out, draft.bytes())?;
    let done = format!("→ {}; tamga day sign", arguments.out.display());
    show(&draft, &soft, &done, output.language(), output)
}

/// Members by their roles: each once, at most one in the chair and one secretary.
fn roles_of(given: &[MemberRole]) -> Result<Vec<MemberRole>, Failure> {
    for (place, one) in given.iter().enumerate() {
        let before = &given[..place];
        if before.iter().any(|other| other.key == one.key) {
            return Err(said(
                format!("{} мүчөсү эки жолу аталган", one.key),
                format!("член {} назван дважды", one.key),
                format!("member {} is named twice", one.key),
            ));
        }
        if one.role < 3 && before.iter().any(|other| other.role == one.role) {
            let name = MEMBER_ROLES.get(usize::from(one.role) - 1).unwrap_or(&"?");
            return Err(said(
                format!("бирдикте бир гана {name} болот: --role {name} эки жолу берилген"),
                format!("{name} в единице один: --role {name} дано дважды"),
                format!("a unit has one {name}: --role {name} is given twice"),
            ));
        }
    }
    Ok(given.to_vec())
}

/// Public keys as they stand, organisations by their record keys in force.
fn keys_of(opened: &Opened<'_>, by: &[String]) -> Result<Vec<PublicKey>, Failure> {
    let key = |one: &String| match one.parse::<PublicKey>() {
        Ok(key) => Ok(key),
        Err(_) => signers(opened, std::slice::from_ref(one)).map(|keys| keys[0]),
    };
    by.iter().map(key).collect()
}

pub(crate) fn known_definition(opened: &Opened<'_>) -> Result<Definition, Failure> {
    definition(opened)?.ok_or_else(|| {
        said(
            "журналда шайлоонун толук аныктамасы жок",
            "в журнале нет полного определения выборов",
            "the ledger does not have the election's whole definition",
        )
    })
}

fn form_of<'a>(known: &'a Definition, code: &str, version: u32) -> Result<&'a Form, Failure> {
    let all =
        || known.forms().values().map(|form| format!("{} {}", form.code, form.version)).collect::<Vec<_>>().join(", ");
    known.form(code, version).ok_or_else(|| {
        let all = all();
        said(
            format!("шайлоодо {code} {version} формасы жок; булар бар: {all}"),
            format!("на выборах нет формы {code} {version}; есть {all}"),
            format!("the election has no form {code} {version}, but {all}"),
        )
    })
}

/// All lines of the form, none missing, none unknown.
fn lines_in_order(figures: &Figures, known: &Definition) -> Result<Vec<LineValue>, Failure> {
    let form = form_of(known, &figures.form, figures.form_version)?;
    for (place, (code, _)) in figures.lines.iter().enumerate() {
        if !form.lines.iter().any(|line| line.code == *code) {
            return Err(said(
                format!("формада {code:?} сабы жок"),
                format!("в форме нет строки {code:?}"),
                format!("the form has no line {code:?}"),
            ));
        }
        if figures.lines[..place].iter().any(|(before, _)| before == code) {
            return Err(said(
                format!("{code:?} сабы эки жолу берилген"),
                format!("строка {code:?} дана дважды"),
                format!("line {code:?} is given twice"),
            ));
        }
    }
    let given = |code: &str| figures.lines.iter().find(|(own, _)| own == code).map(|(_, value)| *value);
    if let Some(missing) = form.lines.iter().find(|line| given(&line.code).is_none()) {
        return Err(said(
            format!("{:?} сабы ({}) жок", missing.code, missing.title.ky),
            format!("не хватает строки {:?} ({})", missing.code, missing.title.ru),
            format!("line {:?} ({}) is missing", missing.code, missing.title.en),
        ));
    }
    Ok(lines_of(form, |code| given(code).unwrap_or(0)))
}

fn digest_of(path: Option<&Path>, disk: &Arc<dyn Disk>) -> Result<Option<Digest>, Failure> {
    let Some(path) = path else { return Ok(None) };
    Ok(Some(Digest(*blake3::hash(&read(disk, path, PAPER_BYTES_MAX)?).as_bytes())))
}

fn protocol_of(
    arguments: &ProtocolArguments,
    scope: Scope,
    opened: &Opened<'_>,
    known: &Definition,
    disk: &Arc<dyn Disk>,
) -> Result<Protocol, Failure> {
    let figures = &arguments.figures;
    let Scope::Unit(unit) = scope else {
        return Err(said(
            "протокол бирдиктики: --station менен --unit бериңиз",
            "протокол бывает у единицы: укажите --station и --unit",
            "a protocol is a unit's: give --station and --unit",
        ));
    };
    let own = known.station(unit.station).map(|station| station.constituency).filter(|number| *number > 0);
    let basis = match arguments.basis {
        BasisName::Machine => ProtocolBasis::Machine,
        BasisName::Hand => ProtocolBasis::Hand,
        BasisName::Recount => ProtocolBasis::Recount,
        BasisName::Transcribed => ProtocolBasis::Transcribed,
    };
    let cells = if basis == ProtocolBasis::Machine {
        Vec::new()
    } else {
        let counts = arguments.remote.iter().cloned().collect();
        let shown = own.filter(|_| !figures.counts.is_empty());
        let path = arguments.seed.as_deref().ok_or_else(|| {
            said(
                "кол эсеби уячаларын мөөр менен бекитет: --seed бериңиз",
                "ручной подсчёт запечатывает свои ячейки: укажите --seed",
                "a hand count commits its cells: give --seed",
            )
        })?;
        let number = protocol_number(unit, basis, &counts);
        let made = commit_cells(&seed(path, disk)?, number, known, &counts, shown);
        let (cells, openings) = made.map_err(failed)?;
        if let Some(path) = &arguments.part {
            keep(&Part::of_protocol(*opened.trust.election_id(), unit, openings), path, disk)?;
        }
        cells
    };
    Ok(Protocol {
        form: figures.form.clone(),
        form_version: figures.form_version,
        basis: basis as u8,
        lines: lines_in_order(figures, known)?,
        counts: figures.counts.clone(),
        cells,
        seals: arguments.seals.clone(),
        present: arguments.present.clone(),
        dissenting: figures.dissenting.clone(),
        explanation: arguments.explanation,
        scan: Maybe(digest_of(figures.scan.as_deref(), disk)?),
        closing_salt: Maybe(None),
    })
}

const fn finding_of(name: FindingName) -> Finding {
    match name {
        FindingName::Assent => Finding::Assent,
        FindingName::Copy => Finding::Copy,
        FindingName::CopyRefused => Finding::CopyRefused,
        FindingName::NotPosted => Finding::NotPosted,
    }
}

fn custody_of(arguments: &CustodyArguments) -> Result<Custody, Failure> {
    let mut checks = 0;
    for point in &arguments.holds {
        checks |= match CHECKS.iter().position(|name| name == point) {
            Some(bit) => 1 << bit,
            None if point == "all" => CHECKS_ALL,
            None => {
                let all = CHECKS.join(", ");
                return Err(said(
                    format!("текшерүү тизмесинде {point:?} жок; булар бар: {all}"),
                    format!("в перечне проверки нет пункта {point:?}; есть {all}"),
                    format!("the checklist has no point {point:?}, but {all}"),
                ));
            }
        };
    }
    Ok(Custody {
        item: arguments.item as u8,
        serial: arguments.serial.clone(),
        event: arguments.event as u8,
        from: Maybe(arguments.from),
        to: Maybe(arguments.to),
        seals: arguments.seals.clone(),
        checks,
        place: arguments.store.clone(),
        key: Maybe(arguments.key),
    })
}

const fn counters_of(arguments: &CountersArguments) -> Counters {
    Counters {
        identified_local: arguments.identified_local,
        identified_remote: arguments.identified_remote,
        slips: arguments.slips,
        signatures: arguments.signatures,
        printed_own: arguments.printed_own,
        printed_other: arguments.printed_other,
        spoiled: arguments.spoiled,
        scanned: arguments.scanned,
    }
}

/// The phase's body; none for what is no phase.
fn phase_of(what: &DayRecord) -> Option<StationPhase> {
    let with = |one: Phase, seals: &Vec<String>| StationPhase { seals: seals.clone(), ..phase(one) };
    Some(match what {
        DayRecord::Open { list_total, equipment, seals } => {
            StationPhase { equipment: equipment.clone(), seals: seals.clone(), ..open_phase(*list_total) }
        }
        DayRecord::Suspend { seals } => with(Phase::Suspend, seals),
        DayRecord::Resume { seals } => with(Phase::Resume, seals),
        DayRecord::OfflineStart => phase(Phase::OfflineStart),
        DayRecord::OfflineEnd => phase(Phase::OfflineEnd),
        DayRecord::BoxOut { seals } => box_phase(Phase::BoxOut, seals.clone()),
        DayRecord::BoxIn { seals } => box_phase(Phase::BoxIn, seals.clone()),
        DayRecord::Replace { old, new } => replace_phase(old, new),
        DayRecord::Balance { counters, list_total } => balance_phase(*list_total, counters_of(counters)),
        DayRecord::Close { counters, list_total, protocol_digest } => {
            close_phase(*list_total, counters_of(counters), *protocol_digest)
        }
        DayRecord::Void { .. }
        | DayRecord::Batch { .. }
        | DayRecord::Opening { .. }
        | DayRecord::Total { .. }
        | DayRecord::Protocol(_)
        | DayRecord::Countersign { .. }
        | DayRecord::Table { .. }
        | DayRecord::Custody(_) => {
            return None;
        }
    })
}

pub(crate) fn run_key(arguments: &KeyCommand, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        KeyCommand::New { out, clear, passphrase } => new_key(out, *clear, passphrase, output.language(), disk, output),
        KeyCommand::Request { key, passphrase, pinned, class, about, out } => {
            let own = record_key(disk, key, passphrase)?;
            let made = request(own.signer(), (*class, scope_of(about)), &pinned.genesis, out, disk)?;
            Made::show(made, out, output.language(), output);
            Ok(())
        }
        KeyCommand::Draft { place, requests, sequence, out } => {
            let source = open_source(&place.source, disk)?;
            let opened = Opened::open(&*source, &place.pinned.genesis)?;
            let commission = opened.trust.election().organisations.first().map(|one| one.name.clone());
            let keys = signers(&opened, &commission.into_iter().collect::<Vec<_>>())?;
            let grants = requests.iter().map(|path| read_request(path, disk)).collect::<Result<Vec<_>, _>>()?;
            let scribe = scribe(&opened, keys.first(), *sequence, output)?;
            let draft = scribe.draft(Scope::Election, &keys, &KeyRegistration { grants }).map_err(failed)?;
            write(disk, out, draft.bytes())?;
            show(&draft, &[], &format!("→ {}; tamga day sign", out.display()), output.language(), output)
        }
    }
}

/// What `tamga key` says of a key.
#[derive(Serialize)]
struct Made {
    /// To be named with --by.
    public_key: PublicKey,
    /// As the ledger names it.
    key: String,
    file: String,
}

impl Made {
    fn show(key: PublicKey, file: &Path, language: Language, output: &Output) {
        let content = Self { public_key: key, key: key.id().to_string(), file: file.display().to_string() };
        output.print("key", "written", &content, || {
            let public = language.of("ачык ачкыч", "открытый ключ", "public key");
            let id = language.of("ачкычтын белгиси", "идентификатор ключа", "key id");
            format!("{public}: {}\n{id}: {}\n→ {}", content.public_key, content.key, content.file)
        });
    }
}

fn new_key(
    out: &Path,
    clear: bool,
    passphrase: &PassphraseArguments,
    language: Language,
    disk: &Arc<dyn Disk>,
    output: &Output,
) -> Done {
    let key = SigningKey::from_bytes(&random_bytes(&OsEntropy));
    disk.create_dir_all(out).map_err(failed)?;
    let protection = if clear { None } else { Some(passphrase.source().get_new().map_err(failed)?) };
    let protection = protection.as_ref().map(|one| (one, &OsEntropy as &dyn tamga_platform::entropy::Entropy));
    write_key(&**disk, out, Purpose::Record, &key, protection).map_err(failed)?;
    Made::show(tamga_ledger::sign::public_key(&key), &out.join(Purpose::Record.file()), language, output);
    Ok(())
}

fn request(
    holder: &dyn tamga_ledger::sign::Signer,
    (class, scope): (ClassName, Scope),
    election: &ElectionId,
    out: &Path,
    disk: &Arc<dyn Disk>,
) -> Result<PublicKey, Failure> {
    let grant = Grant::new(HolderClass::from(class), scope).possess_with(election, holder).map_err(failed)?;
    write(disk, out, &tamga_ledger::codec::encode(&grant))?;
    Ok(grant.key)
}

fn read_request(path: &Path, disk: &Arc<dyn Disk>) -> Result<KeyGrant, Failure> {
    let bytes = read(disk, path, FILE_BYTES_MAX)?;
    let refused = |error: tamga_ledger::codec::CodecError| {
        let path = path.display();
        said(
            format!("{path} ачкыч сурамы эмес: {error}"),
            format!("{path} не запрос на ключ: {error}"),
            format!("{path} is no request for a key: {error}"),
        )
    };
    tamga_ledger::codec::decode(&bytes, bytes.len()).map_err(refused)
}
