"""Admission (FORMAT.md §3) and entries (§6)."""

from . import Fault, cbor, shapes
from .crypto import b3, key_id, record_id, verify

RECORD_MAX, SUBMISSION_MAX, ENTRY_MAX, CONFIDENTIAL_MAX = 57_344, 75_872, 65_535, 16_384
ZERO = bytes(32)


class Record:
    """A record's header and decoded body, its signatures verified."""

    def __init__(self, data, signatures, confidential, fields):
        self.bytes, self.signatures, self.confidential = data, signatures, confidential
        (_, self.election, self.kind, _, self.scope, self.signers, author, self.sequence, self.not_after, self.supersedes,
         self.nonce, self.body_bytes, self.digest) = fields
        self.author_place, self.author = author, self.signers[author]
        self.id, self.body, self.secret = record_id(data), None, None
        self.attested = None

    def stub(self):
        return cbor.encode([self.id, self.kind, self.signers, self.author_place, self.sequence])

    def signed(self):
        return cbor.encode([self.bytes, self.signatures])


def shaped(data, shape, name, limit=None):
    """Decodes canonical bytes of a shape, or fails under `name`."""
    if limit is not None and len(data) > limit:
        raise Fault("too-long")
    try:
        value = cbor.decode(data)
    except Fault:
        raise Fault(name) from None
    if not shape(value):
        raise Fault(name)
    return value


def admit(submission, election, keys, withheld=False):
    """Reads a submission as admission does. `keys` are the known public keys by id."""
    (data, signatures), confidential = shaped(submission, shapes.SUBMISSION, "not-canonical", SUBMISSION_MAX)
    return admit_parts(data, signatures, confidential, election, keys, withheld)


def admit_parts(data, signatures, confidential, election, keys, withheld=False):
    fields = shaped(data, shapes.RECORD, "not-canonical", RECORD_MAX)
    signers = fields[5]
    ascending = all(a < b for a, b in zip(signers, signers[1:]))
    if fields[0] != 1 or not 1 <= len(signers) <= 32 or not ascending:
        raise Fault("header-invalid")
    if fields[6] >= len(signers) or len(signatures) != len(signers):
        raise Fault("header-invalid")
    if fields[1] != election:
        raise Fault("wrong-election")
    if fields[2] not in shapes.BODIES or fields[3] != 1:
        raise Fault("unknown-kind")
    record = Record(data, signatures, confidential, fields)
    check_confidential(record, withheld)
    record.body = body_of(record.kind, record.body_bytes)
    known = {key_id(one[2]): one[2] for one in record.body[6]} if record.kind == 1 else keys
    for signer, signature in zip(signers, signatures):
        if signer not in known:
            raise Fault("unknown-key")
        if not verify(known[signer], "record", data, signature):
            raise Fault("bad-signature")
    if record.kind in shapes.CONFIDENTIAL and confidential:
        shape = shapes.CONFIDENTIAL[record.kind]
        record.secret = shaped(confidential, shape, "confidential-body-invalid", CONFIDENTIAL_MAX)
        if len(confidential) > CONFIDENTIAL_MAX:
            raise Fault("confidential-body-invalid")
        if record.secret[0] in data or record.secret[1] in data:
            raise Fault("secret-in-clear")
    return record


def check_confidential(record, withheld):
    body, digest = record.confidential, record.digest
    if record.kind not in shapes.CONFIDENTIAL:
        fits = not digest and not body
    elif not body:
        fits = withheld and digest
    else:
        fits = digest == b3("tamga 2025 confidential body v1", body)
    if not fits:
        raise Fault("confidential-digest")


def body_of(kind, data):
    body = shaped(data, shapes.BODIES[kind], "body-invalid")
    cells = body[1] if kind == 10 else body[5] if kind == 12 else []
    for _, _, commitment in cells:
        from . import ristretto

        try:
            ristretto.decode(commitment)
        except Fault:
            raise Fault("body-invalid") from None
    return body


class Entry:
    """An entry, with its payload taken apart."""

    def __init__(self, data):
        if len(data) > ENTRY_MAX:
            raise Fault("entry", "too long")
        version, self.time, self.verdict, self.code, self.flags, self.form, payload = shaped(data, shapes.ENTRY, "entry")
        if version != 1 or self.form > 1 or len(self.flags) > 48 or self.flags != sorted(self.flags):
            raise Fault("entry", "version, form or flags")
        refused = self.verdict == 2
        due = (2 if refused else 1 if self.flags else 0)
        if self.verdict != due or refused != (self.code != 0) or (refused and self.flags) or (self.form == 1 and not refused):
            raise Fault("entry", "verdict, code, flags and form do not fit")
        self.signed = shaped(payload, shapes.SIGNED, "entry") if self.form == 0 else None
        self.stub = shaped(payload, shapes.STUB, "entry") if self.form == 1 else None

    @property
    def record_id(self):
        return record_id(self.signed[0]) if self.signed else self.stub[0]


def entry_bytes(time, code, flags, record):
    """An entry as the rules give it: code 0 is accepted, flags are pairs."""
    flags = sorted([list(flag) for flag in flags])
    hidden = code in (170, 171)
    payload = record.stub() if hidden else record.signed()
    verdict = 2 if code else 1 if flags else 0
    return cbor.encode([1, time, verdict, code, flags, 1 if hidden else 0, payload])
