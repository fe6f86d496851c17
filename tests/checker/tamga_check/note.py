"""Keys, policies, signed notes (FORMAT.md §8)."""

import base64
import re
from hashlib import sha256
from itertools import combinations

from . import Fault
from .crypto import acceptable, verify_bytes

WHITE = set(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
)
LOG, COSIGNER = 1, 4


def b64(text):
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Fault("not base64") from None
    if base64.b64encode(data).decode() != text:
        raise Fault("not canonical base64")
    return data


def is_key_name(name):
    forbidden = any(c == "+" or c in WHITE or ord(c) < 32 or ord(c) == 127 for c in name)
    return 1 <= len(name.encode()) <= 255 and not forbidden


class Key:
    """A verifier key: name, type, 32 bytes."""

    def __init__(self, name, kind, key):
        if not is_key_name(name) or kind not in (LOG, COSIGNER) or len(key) != 32 or not acceptable(key):
            raise Fault("not a verifier key")
        self.name, self.kind, self.key = name, kind, key
        self.hash = sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()[:4]

    def __str__(self):
        return f"{self.name}+{self.hash.hex()}+{base64.b64encode(bytes([self.kind]) + self.key).decode()}"

    @classmethod
    def parse(cls, text):
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise Fault("not a verifier key")
        data = b64(parts[2])
        if len(data) != 33:
            raise Fault("not a verifier key")
        key = cls(parts[0], data[0], data[1:])
        if key.hash.hex() != parts[1]:
            raise Fault("the key hash is another")
        return key

    def verify(self, text, signature):
        """The time in seconds that a cosignature states; 0 for a log signature. Raises if it does not verify."""
        if self.kind == LOG:
            time_s, message = 0, text.encode()
        else:
            if len(signature) != 72:
                raise Fault("a cosignature has 72 bytes")
            time_s, signature = int.from_bytes(signature[:8], "big"), signature[8:]
            if time_s >= 1 << 63:
                raise Fault("a time that no cosignature may state")
            message = f"cosignature/v1\ntime {time_s}\n{text}".encode()
        if not verify_bytes(self.key, message, signature):
            raise Fault(f"the signature of {self.name} is bad")
        return time_s


def liars(count):
    return 0 if count < 2 else max(1, (count - 1) // 3)


class Policy:
    """A trust policy. `groups` maps a name to (threshold, members)."""

    def __init__(self, text):
        self.logs, self.witnesses, self.groups, self.quorum = [], {}, {}, None
        keys, taken = set(), set()
        if len(text.encode()) > 262_144 or (text and not text.endswith("\n")):
            raise Fault("too long, or the last line does not end")
        for line in text.split("\n")[:-1]:
            if any((ord(c) < 32 and c != "\t") or ord(c) == 127 for c in line):
                raise Fault("a control character")
            words = [word for word in re.split("[ \t]", line) if word]
            if words and not words[0].startswith("#"):
                self._line(words[0], words[1:], keys, taken)
        if self.quorum is None:
            raise Fault("no quorum line")
        self.organisations = {}
        if self.quorum != "none":
            self._descend(self.quorum, True)

    def _line(self, keyword, words, keys, taken):
        if keyword == "log" and len(words) in (1, 2) and len(self.logs) < 256:
            self.logs.append(self._key(words[0], LOG, keys))
        elif keyword == "witness" and len(words) in (2, 3) and len(self.witnesses) < 256:
            self.witnesses[self._new(words[0])] = self._key(words[1], COSIGNER, keys)
        elif keyword == "group" and len(words) >= 3 and len(self.groups) < 128:
            members = words[2:]
            for member in members:
                if member not in self.witnesses and member not in self.groups or member in taken:
                    raise Fault("a member that is not defined, or in two groups")
                taken.add(member)
            self.groups[self._new(words[0])] = (self._threshold(words[1], len(members)), members)
        elif keyword == "quorum" and len(words) == 1 and self.quorum is None:
            if words[0] != "none" and words[0] not in self.witnesses and words[0] not in self.groups:
                raise Fault("a quorum that is not defined")
            self.quorum = words[0]
        else:
            raise Fault("a line that is none")
        urls = {"log": words[1:2], "witness": words[2:3]}.get(keyword, [])
        if any(len(url.encode()) > 2048 for url in urls):
            raise Fault("a URL that is too long")

    def _new(self, name):
        if name == "none" or len(name.encode()) > 255 or name in self.witnesses or name in self.groups:
            raise Fault("a name that is none, or there twice")
        return name

    @staticmethod
    def _key(text, kind, keys):
        key = Key.parse(text)
        if key.kind != kind or key.key in keys:
            raise Fault("a key of another type, or there twice")
        keys.add(key.key)
        return key

    @staticmethod
    def _threshold(word, members):
        if word in ("any", "all"):
            return 1 if word == "any" else members
        if not re.fullmatch("[1-9][0-9]*", word) or int(word) > members:
            raise Fault("a threshold that cannot be")
        return int(word)

    def _descend(self, name, is_quorum):
        if name in self.witnesses:
            self.organisations[name] = [name]
        elif not is_quorum and all(member in self.witnesses for member in self.groups[name][1]):
            self.organisations[name] = self.groups[name][1]
        else:
            for member in self.groups[name][1]:
                self._descend(member, False)

    def _holds(self, given):
        """Whether the quorum is reached when exactly the names in `given` count by themselves."""
        holds = dict(given)
        for name, (threshold, members) in self.groups.items():
            if name not in holds:
                holds[name] = sum(holds.get(member, False) for member in members) >= threshold
        return self.quorum == "none" or holds.get(self.quorum, False)

    def satisfied_by_witnesses(self, names):
        return self._holds({name: name in names for name in self.witnesses})

    def satisfied_by_organisations(self, names):
        if self.quorum == "none":
            return False
        given = {name: False for name in self.witnesses}
        given.update({name: name in names for name in self.organisations})
        return self._holds(given)

    def minimal_sets(self):
        names, found = list(self.organisations), []
        if len(names) > 16 or self.quorum == "none":
            return []
        for count in range(len(names) + 1):
            for chosen in map(frozenset, combinations(names, count)):
                if not any(one <= chosen for one in found) and self.satisfied_by_organisations(chosen):
                    found.append(chosen)
        return found

    def intersects(self):
        sets, f = self.minimal_sets(), liars(len(self.organisations))
        return bool(sets) and all(len(a & b) > f for a in sets for b in sets)

    def follows(self, old):
        sets, before = self.minimal_sets(), old.minimal_sets()
        f = liars(len(old.organisations))
        return bool(sets) and bool(before) and all(len(a & b) > f for a in sets for b in before)


class Checkpoint:
    """A signed note whose text is a checkpoint; nothing is verified yet."""

    def __init__(self, note):
        if isinstance(note, str):
            note = note.encode()
        if len(note) > 65_536:
            raise Fault("the note is too long")
        try:
            note = note.decode("utf-8")
        except UnicodeDecodeError:
            raise Fault("the note is not UTF-8") from None
        if any(ord(c) < 32 and c != "\n" for c in note):
            raise Fault("a control character")
        at = note.rfind("\n\n")
        if at < 0 or not note.endswith("\n"):
            raise Fault("no blank line, or no newline at the end")
        self.text, lines = note[: at + 1], note[at + 2 :].split("\n")[:-1]
        if not 1 <= len(lines) <= 64:
            raise Fault("1 to 64 signatures")
        self.lines = [self._signature(line) for line in lines]
        fields = self.text.split("\n")
        if len(fields) != 5 or not is_key_name(fields[0]) or not fields[3].startswith("blake3 "):
            raise Fault("not a checkpoint")
        if not re.fullmatch("0|[1-9][0-9]*", fields[1]) or int(fields[1]) >= 1 << 53:
            raise Fault("not a size")
        self.origin, self.size = fields[0], int(fields[1])
        self.roots = b64(fields[2]), b64(fields[3][7:])
        if any(len(root) != 32 for root in self.roots):
            raise Fault("a root has 32 bytes")

    @staticmethod
    def _signature(line):
        if not line.startswith("\u2014 "):
            raise Fault("not a signature line")
        name, found, encoded = line[2:].partition(" ")
        data = b64(encoded)
        if not found or not is_key_name(name) or len(data) < 5:
            raise Fault("not a signature line")
        return name, data[:4], data[4:]

    def verify(self, policy, origin, logs):
        """The organisations that cosigned, in the policy's order. `logs`: every log key; none: not asked for."""
        if self.origin != origin:
            raise Fault("another log's")
        logged = [key for key in logs if self._signed_by(key)]
        if logs and not logged:
            raise Fault("no log has signed")
        witnesses = {name for name, key in policy.witnesses.items() if self._signed_by(key)}
        if not policy.satisfied_by_witnesses(witnesses):
            raise Fault("no quorum")
        return [name for name, own in policy.organisations.items() if self._cosigned(policy, name, witnesses)]

    @staticmethod
    def _cosigned(policy, name, witnesses):
        threshold, members = policy.groups.get(name, (1, [name]))
        return sum(member in witnesses for member in members) >= threshold

    def _signed_by(self, key):
        own = [signature for name, hash_, signature in self.lines if (name, hash_) == (key.name, key.hash)]
        for signature in own:
            key.verify(self.text, signature)
        return bool(own)
