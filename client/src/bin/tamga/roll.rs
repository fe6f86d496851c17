//! `tamga roll`: the registry's tool. It alone holds the keys under which voters have tags; what it writes has no personal numbers.

use crate::args::{BasisOfAmendment, Roll, RollAmend, RollFind, RollImport, RollKeys, RollListed, RollSubmit};
use crate::day::known_definition;
use crate::failure::{Done, Failure, failed, said, unfit, unread, unwritten};
use crate::governance::{read, record_key};
use crate::output::{Output, advance, open_source};
use crate::submit::{Sender, submit_all};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader, BufWriter};
use std::path::Path;
use std::sync::Arc;
use tamga_client::author::{RollChange, Scribe};
use tamga_client::device::Question;
use tamga_client::election::{ElectionFile, Folder, shipped_election};
use tamga_client::evidence::Language;
use tamga_client::registry::{
    CommissionKey, ImportedRoll, PersonalNumber, RegistryAdapter as _, RegistryKey, RollFault, RollFileError, TagKeys,
};
use tamga_client::streams::{FileReader, StagedFile};
use tamga_client::verify::{Opened, Weight, rolls};
use tamga_ledger::ids::{Digest, PublicKey};
use tamga_ledger::kinds::AmendmentBasis;
use tamga_ledger::tree::LeafIndex;
use tamga_platform::disk::Disk;
use zeroize::{Zeroize as _, Zeroizing};

const NAME: &str = "roll";
/// Longest document of which the digest is made.
const DOCUMENT_BYTES_MAX: u64 = 256 << 20;
const BUFFER_BYTES: usize = 1 << 18;
/// Longest key file: 64 digits and the end of the line.
const KEY_FILE_BYTES_MAX: u64 = 80;

pub(crate) fn run(arguments: &Roll, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    match arguments {
        Roll::Import(arguments) => import(arguments, &**disk, output),
        Roll::Submit(arguments) => submit(arguments, disk, output),
        Roll::Amend(arguments) => amend(arguments, disk, output),
        Roll::Show { roll } => show(roll, output.language(), &**disk, output),
        Roll::Find(arguments) => find(arguments, &**disk, output),
        Roll::Listed(arguments) => listed(arguments, disk, output),
    }
}

fn no_key(path: &Path) -> Failure {
    let path = path.display();
    said(
        format!("{path}: ачкычтын файлында он алтылык 64 белги болушу керек"),
        format!("{path}: в файле ключа должно быть 64 шестнадцатеричных знака"),
        format!("{path}: a key file has 64 hexadecimal digits"),
    )
}

/// A key of 32 bytes as 64 hexadecimal digits. Error texts do not repeat it.
fn key(disk: &dyn Disk, path: &Path) -> Result<Zeroizing<[u8; 32]>, Failure> {
    let text = Zeroizing::new(disk.read(path, KEY_FILE_BYTES_MAX).map_err(|error| unread(path, error))?);
    let mut key = Zeroizing::new([0; 32]);
    match hex::decode_to_slice(text.trim_ascii(), key.as_mut_slice()) {
        Ok(()) => Ok(key),
        Err(_) => Err(no_key(path)),
    }
}

fn tag_keys(disk: &dyn Disk, keys: &RollKeys) -> Result<TagKeys, Failure> {
    let registry = key(disk, &keys.registry_key)?;
    let commission = key(disk, &keys.commission_key)?;
    if *registry == *commission {
        return Err(said(
            "реестрдин ачкычы менен комиссиянын ачкычы бирдей: анда бир эле ээси номерлерди сынап көрө алат",
            "ключ реестра и ключ комиссии одинаковы: тогда один владелец мог бы подбирать номера",
            "the registry's key and the commission's key are the same: then one holder could try numbers out",
        ));
    }
    Ok(TagKeys::new(keys.pinned.genesis, RegistryKey::new(*registry), CommissionKey::new(*commission)))
}

/// Stations that have voters of their own.
fn stations_of(disk: &dyn Disk, definition: &Path) -> Result<BTreeSet<u32>, Failure> {
    let read = match definition.to_str().and_then(shipped_election) {
        Some(shipped) => ElectionFile::shipped(shipped.code),
        None => {
            let (folder, name) = Folder::of(disk, definition);
            ElectionFile::read(&folder, &name)
        }
    };
    let election = read.map_err(|problems| {
        said(
            format!("шайлоонун аныктамасы жараксыз\n{problems}"),
            format!("определение выборов не годится\n{problems}"),
            format!("the definition cannot be used\n{problems}"),
        )
    })?;
    Ok(election.definition.stations.iter().filter(|one| one.constituency != 0).map(|one| one.number).collect())
}

/// An imported roll in numbers.
#[derive(Serialize)]
struct Content {
    election: String,
    voters: u64,
    stations: usize,
    /// BLAKE3 that ends the file.
    digest: Digest,
    /// Voters by station.
    counts: BTreeMap<u32, usize>,
}

impl Content {
    fn of(roll: &ImportedRoll, digest: Digest) -> Self {
        Self {
            election: roll.election().to_string(),
            voters: roll.voters(),
            stations: roll.stations().len(),
            digest,
            counts: roll.stations().iter().map(|(station, leaves)| (*station, leaves.len())).collect(),
        }
    }

    fn text(&self, counts: bool, language: Language) -> String {
        let of = |ky, ru, en| language.of(ky, ru, en);
        let (voters, stations) = (self.voters, self.stations);
        let said = match language {
            Language::Ky => format!("{stations} участоктун тизмелеринде {voters} шайлоочу"),
            Language::Ru => format!("избирателей в списках: {voters}, участков: {stations}"),
            Language::En => format!("{voters} voters on the rolls of {stations} stations"),
        };
        let (election, digest) = (of("шайлоо", "выборы", "election"), of("дайджест", "дайджест", "digest"));
        let mut text = format!("{election} {}\n{said}\n{digest} {}\n", self.election, self.digest);
        if counts {
            let station = of("участок", "участок", "station");
            self.counts.iter().for_each(|(number, voters)| text += &format!("  {station} {number:>6}  {voters:>8}\n"));
        }
        text
    }
}

#[derive(Serialize)]
struct Faults {
    /// All of them.
    total: u64,
    /// The first ones, by line.
    faults: Vec<FaultView>,
}

#[derive(Serialize)]
struct FaultView {
    line: u64,
    /// For people, in English.
    what: String,
}

fn import(arguments: &RollImport, disk: &dyn Disk, output: &Output) -> Done {
    let keys = tag_keys(disk, &arguments.keys)?;
    let known = arguments.definition.as_deref().map(|definition| stations_of(disk, definition)).transpose()?;
    let unread = |error: io::Error| unread(&arguments.table, error);
    let table = FileReader::open(disk, &arguments.table).map_err(unread)?;
    let bytes = table.len_bytes().map_err(unread)?;
    let bar = output.bar("шайлоочулар алынууда", "загрузка избирателей", "importing voters");
    let table = BufReader::with_capacity(BUFFER_BYTES, table);
    let imported = ImportedRoll::import(table, &keys, known.as_ref(), |_, done| advance(&bar, done, bytes));
    bar.finish_and_clear();
    let roll = match imported {
        Ok(roll) => roll,
        Err(RollFileError::Faults { faults, total }) => return Err(refused(&faults, total, output)),
        Err(other) => return Err(failed(other)),
    };
    let unwritten = |error: io::Error| unwritten(&arguments.out, error);
    let file = StagedFile::create(disk, &arguments.out).map_err(unwritten)?;
    let mut writer = BufWriter::with_capacity(BUFFER_BYTES, file);
    let digest = roll.write(&mut writer).map_err(unwritten)?;
    let file = writer.into_inner().map_err(|error| unwritten(error.into_error()))?;
    // Crash before this: no roll under its name, or the earlier one.
    file.finish(disk).map_err(unwritten)?;
    let content = Content::of(&roll, digest);
    output.print(NAME, "imported", &content, || content.text(false, output.language()));
    Ok(())
}

fn refused(faults: &[RollFault], total: u64, output: &Output) -> Failure {
    let view = |fault: &RollFault| FaultView { line: fault.line, what: fault.what.in_words(Language::En) };
    let content = Faults { total, faults: faults.iter().map(view).collect() };
    let language = output.language();
    output.print(NAME, "faults", &content, || {
        let listed = faults.iter().map(|fault| fault.in_words(language)).collect::<Vec<_>>().join("\n");
        let more = match total.saturating_sub(faults.len() as u64) {
            0 => String::new(),
            more => format!("\n{} {more}", language.of("дагы", "и ещё", "and more:")),
        };
        match language {
            Language::Ky => format!("{listed}{more}\nКата: {total}; эч нерсе алынган жок"),
            Language::Ru => format!("{listed}{more}\nОшибок: {total}; ничего не загружено"),
            Language::En => format!("{listed}{more}\n{total} faults; nothing was imported"),
        }
    });
    Failure::Shown(Weight::Refuted)
}

fn read_roll(path: &Path, disk: &dyn Disk) -> Result<(ImportedRoll, Digest), Failure> {
    let file = FileReader::open(disk, path).map_err(|error| unread(path, error))?;
    ImportedRoll::read(&mut BufReader::with_capacity(BUFFER_BYTES, file)).map_err(|error| unfit(path, error))
}

fn other_roll(roll: &ImportedRoll) -> Failure {
    let election = roll.election();
    said(
        format!("бул тизме башка шайлоо үчүн алынган: {election}"),
        format!("этот список загружен для других выборов: {election}"),
        format!("this roll was imported for election {election}"),
    )
}

/// Every station with a roll of its own gets one, an empty one too: "nobody" is said and not left out.
fn submit(arguments: &RollSubmit, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let (roll, _) = read_roll(&arguments.roll, &**disk)?;
    if roll.election() != opened.trust.election_id() {
        return Err(other_roll(&roll));
    }
    let known = known_definition(&opened)?;
    let own: BTreeSet<u32> =
        known.stations().values().filter(|one| one.constituency != 0).map(|one| one.number).collect();
    if let Some(other) = roll.stations().keys().find(|station| !own.contains(station)) {
        return Err(said(
            format!("бул тизмедеги {other}-участоктун шайлоонун аныктамасында тизмеси жок"),
            format!("у участка {other} из этого списка по определению выборов списка нет"),
            format!("station {other} of this roll has no roll in the election's definition"),
        ));
    }
    let leaves = |station: &u32| roll.stations().get(station).cloned().unwrap_or_default();
    let draft = |scribe: &Scribe, registry: PublicKey| {
        let of = |station: &u32| scribe.roll_drafts(registry, *station, arguments.list_version, leaves(station));
        Ok(own.iter().map(of).collect::<Result<Vec<_>, _>>()?.concat())
    };
    submit_all(NAME, &opened, &arguments.submit, draft, disk, output)
}

/// What the ledger has is compared with what is to be; a station that the new roll does not name is left without voters.
fn amend(arguments: &RollAmend, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let source = open_source(&arguments.place.source, disk)?;
    let opened = Opened::open(&*source, &arguments.place.pinned.genesis)?;
    let (roll, _) = read_roll(&arguments.roll, &**disk)?;
    if roll.election() != opened.trust.election_id() {
        return Err(other_roll(&roll));
    }
    let bar = output.bar("окулууда", "чтение", "reading");
    let recorded = rolls(&opened, |done, all| advance(&bar, done, all))?;
    bar.finish_and_clear();
    if let Some(other) = roll.stations().keys().find(|station| !recorded.contains_key(station)) {
        return Err(said(
            format!("журналда {other}-участоктун тизмеси жок: tamga roll submit буйругун караңыз"),
            format!("в журнале нет списка участка {other}: см. tamga roll submit"),
            format!("the ledger has no roll of station {other}: see tamga roll submit"),
        ));
    }
    let mut changes = BTreeMap::new();
    for (station, before) in &recorded {
        let due: BTreeSet<_> = roll.stations().get(station).into_iter().flatten().copied().collect();
        let change = RollChange {
            list_version: before.list_version,
            before: before.leaves.len(),
            removed: before.leaves.difference(&due).copied().collect(),
            added: due.difference(&before.leaves).copied().collect(),
        };
        if !change.removed.is_empty() || !change.added.is_empty() {
            changes.insert(*station, change);
        }
    }
    let document = match &arguments.document {
        Some(path) => Some(Digest(*blake3::hash(&read(disk, path, DOCUMENT_BYTES_MAX)?).as_bytes())),
        None => None,
    };
    let basis = match arguments.basis {
        BasisOfAmendment::Moved => AmendmentBasis::Moved,
        BasisOfAmendment::LeftOut => AmendmentBasis::LeftOut,
        BasisOfAmendment::Struck => AmendmentBasis::Struck,
        BasisOfAmendment::Court => AmendmentBasis::Court,
        BasisOfAmendment::Corrected => AmendmentBasis::Corrected,
    };
    let draft = |scribe: &Scribe, registry: PublicKey| scribe.amendment_drafts(registry, &changes, basis, document);
    submit_all(NAME, &opened, &arguments.submit, draft, disk, output)
}

fn show(path: &Path, language: Language, disk: &dyn Disk, output: &Output) -> Done {
    let (roll, digest) = read_roll(path, disk)?;
    let content = Content::of(&roll, digest);
    output.print(NAME, "shown", &content, || content.text(true, language));
    Ok(())
}

/// The answer to "am I on the list, and where". Does not repeat the number.
#[derive(Serialize)]
struct Found {
    listed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    station: Option<u32>,
}

/// From the input and not from the command line, which other users and the shell's history see.
fn personal_number() -> Result<PersonalNumber, Failure> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    let number = read.map_err(failed).and_then(|_| line.trim().parse::<PersonalNumber>().map_err(failed));
    line.zeroize();
    number
}

/// What a node says of one voter. Neither number nor tag.
#[derive(Serialize)]
struct Listed {
    listed: bool,
    /// The station asked about; none if the imported roll does not have the voter, and no node was asked.
    station: Option<u32>,
    admitted: Option<u64>,
    /// Which node answered, at which size of the ledger.
    node: Option<u32>,
    size: Option<u64>,
}

fn listed(arguments: &RollListed, disk: &Arc<dyn Disk>, output: &Output) -> Done {
    let keys = tag_keys(&**disk, &arguments.keys)?;
    let number = personal_number()?;
    let tag = keys.tag(&number);
    let station = match (&arguments.where_from.roll, arguments.where_from.station) {
        (Some(roll), _) => {
            let registry = read_roll(roll, &**disk)?.0.into_registry(keys).map_err(failed)?;
            registry.find(&number).map_err(failed)?.map(|entry| entry.home_station)
        }
        (None, station) => station,
    };
    let mut content = Listed { listed: false, station, admitted: None, node: None, size: None };
    if let Some(home_station) = station {
        let key = record_key(disk, &arguments.key, &arguments.passphrase)?;
        let source = open_source(&arguments.source, disk)?;
        let trust = Opened::open(&*source, &arguments.keys.pinned.genesis)?.trust;
        let question = Question { home_station, tag, standing: None };
        let answer = Sender::new(trust, &arguments.nodes)?.inquire(&question, key.signer())?.answer;
        content.listed = answer.listed;
        content.admitted = answer.admitted.map(LeafIndex::get);
        (content.node, content.size) = (Some(answer.node), Some(answer.size.get()));
    }
    let outcome = if content.listed { "listed" } else { "not-listed" };
    let language = output.language();
    output.print(NAME, outcome, &content, || content.text(language));
    if content.listed { Ok(()) } else { Err(Failure::Shown(Weight::Refuted)) }
}

impl Listed {
    fn text(&self, language: Language) -> String {
        let of = |ky: &'static str, ru: &'static str, en: &'static str| language.of(ky, ru, en);
        let Some(station) = self.station else {
            return of(
                "импорттолгон тизмеде жок; түйүндөр суралган жок",
                "в импортированном списке нет; узлы не спрашивались",
                "not on the imported roll; no node was asked",
            )
            .to_owned();
        };
        let there = if self.listed {
            of("участоктун тизмесинде бар", "есть в списке участка", "is on the roll of station")
        } else {
            of("участоктун тизмесинде жок", "нет в списке участка", "is not on the roll of station")
        };
        let mut text = format!("{there}: {station}");
        if self.listed {
            text += "\n";
            text += &match self.admitted {
                Some(leaf) => format!(
                    "{} {leaf}",
                    of("идентификациядан өткөн, жазуу", "уже идентифицирован, запись", "has been identified, record")
                ),
                None => {
                    of("идентификациядан өтө элек", "ещё не идентифицирован", "has not been identified yet").to_owned()
                }
            };
        }
        if let (Some(node), Some(size)) = (self.node, self.size) {
            let word = of("түйүндүн колтамгалуу жообу", "подписанный ответ узла", "signed answer of node");
            text += &format!("\n({word} {node}, {size})");
        }
        text
    }
}

fn find(arguments: &RollFind, disk: &dyn Disk, output: &Output) -> Done {
    let language = output.language();
    let keys = tag_keys(disk, &arguments.keys)?;
    let (roll, _) = read_roll(&arguments.roll, disk)?;
    let registry = roll.into_registry(keys).map_err(failed)?;
    let entry = registry.find(&personal_number()?).map_err(failed)?;
    let found = Found { listed: entry.is_some(), station: entry.map(|entry| entry.home_station) };
    let outcome = if found.listed { "listed" } else { "not-listed" };
    output.print(NAME, outcome, &found, || match found.station {
        Some(station) => {
            let on = language.of("участоктун тизмесинде:", "в списке участка", "on the roll of station");
            format!("{on} {station}")
        }
        None => language.of("эч бир тизмеде жок", "ни в одном списке", "on no roll").to_owned(),
    });
    if found.listed { Ok(()) } else { Err(Failure::Shown(Weight::Refuted)) }
}
