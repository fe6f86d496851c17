"""Runs the conformance vectors (FORMAT.md §15)."""

import json
from pathlib import Path

from . import Fault, archive, cbor, crypto, history, note, ristretto, trees
from .court import verify_court
from .evidence import verify_file
from .record import Entry, admit
from .rules import Judge

hex_ = bytes.fromhex


class Run:
    """Counts what was checked, and keeps what is not as it should be."""

    def __init__(self, folder):
        self.folder, self.checked, self.wrong = Path(folder), 0, []

    def load(self, name):
        return json.loads((self.folder / name).read_text(encoding="utf-8"))

    def same(self, what, found, due):
        self.checked += 1
        if found != due:
            self.wrong.append(f"{what}: {found!r}, and not {due!r}")

    def holds(self, what, check, due):
        self.same(what, outcome(check) is None, due)


def outcome(check):
    """None if it holds, else the fault's name."""
    try:
        check()
    except Fault as fault:
        return fault.name
    return None


def codec(run):
    vectors = run.load("codec.json")
    for case in vectors["canonical"]:
        data = hex_(case["hex"])
        run.same(case["what"], outcome(lambda: cbor.decode(data)), None)
        run.same(case["what"], cbor.encode(cbor.decode(data)), data)
    for case in vectors["not_canonical"]:
        run.same(case["what"], outcome(lambda: cbor.decode(hex_(case["hex"]))), case["error"])


def hashes(run):
    for case in run.load("hashes.json")["derive_key"]:
        due = hex_(case["output"])
        run.same(case["context"], crypto.b3(case["context"], hex_(case["input"]), len(due)), due)


def ed25519(run):
    vectors = run.load("ed25519.json")
    for case in vectors["signatures"]:
        key = hex_(case["public_key"])
        found = crypto.verify_bytes(key, hex_(case["signed"]), hex_(case["signature"]))
        run.same(case["what"], found, case["accepted"])
        run.same(case["what"], crypto.acceptable(key), case["key_acceptable"])
    for case in vectors["keys"]:
        run.same(case["what"], crypto.acceptable(hex_(case["public_key"])), case["acceptable"])


def commitments(run):
    vectors = run.load("commitments.json")
    for place, due in enumerate(vectors["generators"]):
        run.same(f"G {place}", ristretto.encode(ristretto.generator(place)), hex_(due))
    run.same("H", ristretto.encode(ristretto.blinding_generator()), hex_(vectors["blinding_generator"]))
    for case in vectors["blindings"]:
        found = ristretto.blinding(hex_(case["seed"]), case["purpose"], int(case["number"]), case["constituency"])
        run.same("blinding", found.to_bytes(32, "little"), hex_(case["blinding"]))
    for case in vectors["commitments"]:
        number = int.from_bytes(hex_(case["blinding"]), "little")
        run.same("commitment", ristretto.commit(case["counts"], number), hex_(case["commitment"]))
    for case in vectors["sums"]:
        run.same("sum", ristretto.total(map(hex_, case["commitments"])), hex_(case["sum"]))
    for case in vectors["openings"]:
        found = ristretto.opens(hex_(case["commitment"]), case["counts"], hex_(case["blinding"]))
        run.same(case["what"], found, case["opens"])
    for case in vectors["encodings"]:
        run.holds(case["what"], lambda: ristretto.decode(hex_(case["bytes"])), case["canonical"])


def both_trees(run):
    vectors = run.load("trees.json")
    for tree in trees.BOTH:
        of = lambda section: vectors[f"{tree.name}_{section}"]
        run.same("empty", tree.empty, hex_(of("empty")))
        for case in of("leaves"):
            run.same("leaf", tree.leaf(hex_(case["entry"])), hex_(case["hash"]))
        for case in of("nodes"):
            run.same("node", tree.node(hex_(case["left"]), hex_(case["right"])), hex_(case["hash"]))
        frontier = trees.Frontier(tree)
        for number, due in enumerate(of("roots")):
            run.same(f"root {number}", frontier.root(), hex_(due))
            entry = (number.to_bytes(8, "big") * 9)[: number % 70]
            frontier.push(tree.leaf(entry))
            if number == 255:
                run.same("tile", frontier.root(), hex_(of("first_full_tile_root")))
        for case in of("inclusion"):
            path = list(map(hex_, case["path"]))
            proof = (tree, hex_(case["leaf"]), case["index"], case["size"], hex_(case["root"]), path)
            run.holds(f"inclusion, {case['what']}", lambda: trees.verify_inclusion(*proof), case["valid"])
        for case in of("consistency"):
            path = list(map(hex_, case["path"]))
            sizes = (case["old_size"], hex_(case["old_root"]), case["new_size"], hex_(case["new_root"]))
            run.holds(f"consistency, {case['what']}", lambda: trees.verify_consistency(tree, *sizes, path), case["valid"])


def ledger(run, name):
    vectors = run.load(name)
    state, refused = Judge(), vectors["not_leaves"]
    for case in vectors["entries"]:
        for other in (one for one in refused if one["at_size"] == case["leaf"]):
            never_a_leaf(run, state, other)
        what, leaf = f"leaf {case['leaf']}: {case['what']}", hex_(case["entry"])
        election = state.election_id if state.genesis else bytes(32)
        record = admit(hex_(case["submission"]), election, state.public_keys)
        run.same(what, record.id, hex_(case["record_id"]))
        run.same(what, record.confidential, hex_(case["confidential"]))
        made = state.take(case["time_ms"], record)
        entry = Entry(made)
        run.same(what, (entry.code, entry.flags), (case["code"], case["flags"]))
        run.same(what, made, leaf)
        run.same(what, (entry.verdict, entry.form, entry.record_id), (case["verdict"], case["form"], record.id))
        for tree in trees.BOTH:
            run.same(what, tree.leaf(leaf), hex_(case[f"{tree.name}_leaf"]))
        state.push(leaf)
        run.same(what, state.roots, (hex_(case["sha256_root"]), hex_(case["blake3_root"])))
    run.same("election", state.election_id, hex_(vectors["election_id"]))
    run.same("parts", state.genesis[5], list(map(hex_, vectors["part_digests"])))
    run.same("admitted", state.admitted_root(), hex_(vectors["admitted_root"]))
    from .rules.deciding import tally

    found = cbor.encode(tally(state, state.time))
    run.same("tally", (found, crypto.b3("tamga 2025 tally v1", found)), (hex_(vectors["tally"]), hex_(vectors["tally_digest"])))
    return state


def never_a_leaf(run, state, case):
    found = outcome(lambda: admit(hex_(case["submission"]), state.election_id, state.public_keys))
    run.same(case["what"], found, case["rejection"])


def checkpoints(run, state):
    vectors = run.load("checkpoints.json")
    entry = hex_(run.load("ledger.json")["entries"][0]["entry"])
    genesis = history.Trust(entry, state.election_id)
    all_ = history.Trust(entry, state.election_id)
    all_.follow(hex_(vectors["histories"][0]["history"]))
    run.same("origin", genesis.origin, vectors["origin"])
    for case in vectors["vkeys"]:
        key = note.Key(case["name"], case["type"], hex_(case["public_key"]))
        run.same("vkey", (str(key), key.hash.hex()), (case["vkey"], case["key_hash"]))
        run.same("vkey", str(note.Key.parse(case["vkey"])), case["vkey"])
    for case in vectors["not_vkeys"]:
        run.holds(case["what"], lambda: note.Key.parse(case["text"]), False)
    for case in vectors["policies"]:
        run.holds(case["what"], lambda: note.Policy(case["text"]), case["parses"])
        if case["parses"]:
            policy = note.Policy(case["text"])
            run.same(case["what"], list(policy.organisations), case["organisations"])
            run.same(case["what"], policy.intersects(), case["intersects"])
    for case in vectors["checkpoints"]:
        for trust, due in ((genesis, case["by_genesis"]), (all_, case["by_all"])):
            run.same(case["what"], told(trust, case["note"]), due)
    for case in vectors["receipts"]:
        run.holds(f"receipt, {case['what']}", lambda: all_.receipt(hex_(case["receipt"])), case["accepted"])
    for case in vectors["histories"]:
        trust = history.Trust(entry, state.election_id)
        run.holds(f"history, {case['what']}", lambda: trust.follow(hex_(case["history"])), case["accepted"])
        if case["accepted"]:
            run.same(case["what"], [leaf for leaf, _ in trust.policies[1:]], case["epochs"])
    for case in vectors["bundles"]:
        check = lambda: history.bundle(hex_(case["bundle"]), state.election_id)
        run.holds(f"bundle, {case['what']}", check, case["accepted"])


def told(trust, text):
    try:
        return {"accepted": True, "organisations": trust.verify(text)[1]}
    except Fault:
        return {"accepted": False}


def messages(run, state):
    vectors = run.load("messages.json")
    for case in vectors["signed_messages"]:
        message, signature = cbor.decode(hex_(case["bytes"]))
        domain = case["domain"].split("/")[1]
        signed = crypto.b3("tamga 2025 batch v1", message) if domain == "batch" else message
        run.same(case["what"], signed, hex_(case["signed"]))
        run.same(case["what"], crypto.verify(hex_(case["public_key"]), domain, signed, signature), True)
        run.same(case["what"], crypto.verify(hex_(case["public_key"]), "record", signed, signature), False)
    for case in vectors["possessions"]:
        key = hex_(case["public_key"])
        message = cbor.encode([state.election_id, key, case["class"], case["scope"]])
        run.same("possession", message, hex_(case["message"]))
        run.same("possession", crypto.verify(key, "possession", message, hex_(case["signature"])), True)
    for case in vectors["attestations"]:
        instant = [case["at_ms"], hex_(case["nonce"])]
        device, tag = hex_(case["device"]), hex_(case["tag"])
        message = cbor.encode(
            [state.election_id, case["unit"], device, tag, case["home_station"], case["method"], instant]
        )
        run.same("attestation", message, hex_(case["message"]))
        registry = hex_(case["registry"])
        run.same("attestation", crypto.verify(registry, "attestation", message, hex_(case["signature"])), True)


def offline(run, pinned):
    for case in run.load("evidence.json")["evidence"]:
        due = [case["convicts"], case["against_published"]] if case["holds"] else None
        run.same(f"evidence, {case['what']}", found(lambda: verify_file(hex_(case["evidence"]), pinned)), due)
    for case in run.load("courts.json")["courts"]:
        due = case["asked"] if case["accepted"] else None
        run.same(f"court, {case['what']}", found(lambda: verify_court(hex_(case["court"]), pinned)), due)
    copies = run.load("copies.json")
    for case in copies["admitted"]:
        files = {path: hex_(data) for path, data in case["files"].items()}
        rows = archive.admitted(files, case["count"], hex_(case["root"]))
        run.same("admitted", len(rows), case["count"])
        for leaf, by in rows:
            run.same("admitted", archive.presence(files, case["count"], hex_(case["root"]), leaf), by)
            beside = (int.from_bytes(leaf, "big") + 1).to_bytes(16, "big")
            run.same("not admitted", archive.presence(files, case["count"], hex_(case["root"]), beside), None)
        run.same("not admitted", archive.presence(files, case["count"], hex_(case["root"]), b"\xff" * 16), None)
    index = copies["archive_index"]
    run.same("index", archive.sizes(index["text"].encode()), index["sizes"])
    for text in index["not_an_index"]:
        run.holds(f"index {text!r}", lambda: archive.sizes(text.encode()), False)


def found(check):
    """What a check gives; None if it does not hold."""
    try:
        return check()
    except Fault:
        return None


def run_all(folder):
    run = Run(folder)
    for one in (codec, hashes, ed25519, commitments, both_trees):
        one(run)
    ledger(run, "second.json")
    state = ledger(run, "ledger.json")
    checkpoints(run, state)
    messages(run, state)
    offline(run, state.election_id)
    return run
