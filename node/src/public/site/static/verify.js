// Checks what a node serves, believing nobody but the reader's election id. No library; read it from top to bottom.
//
//   election id ─► genesis record (BLAKE3) ─► trust policy ─► checkpoint (Ed25519 of k organisations)
//        ─► roots of two trees ─► the record's place in both (SHA-256, BLAKE3)
//
// Formats: FORMAT.md of the project; C2SP signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-tiles; RFC 9162.
"use strict";
var Tamga = (() => {
  // Something contradicts what it should be; the key names a sentence for people.
  class Refuted extends Error {
    constructor(said, detail) { super(said + (detail ? `: ${detail}` : "")); this.said = said; this.detail = detail ?? ""; }
  }
  const refute = (said, detail) => { throw new Refuted(said, detail); };

  // ---- bytes
  const utf8 = (text) => new TextEncoder().encode(text);
  const text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const unhex = (string) => Uint8Array.from(string.match(/../g) ?? [], (pair) => parseInt(pair, 16));
  function unbase64(string) {
    try {
      return Uint8Array.from(atob(string), (char) => char.charCodeAt(0));
    } catch {
      return refute("bytes");
    }
  }
  const same = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);
  function join(...parts) {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) { whole.set(part, at); at += part.length; }
    return whole;
  }
  const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

  // ---- canonical CBOR (FORMAT.md §2): numbers, byte strings, texts, arrays; shortest heads; nothing behind the end
  function cbor(bytes) {
    let at = 0;
    function head() {
      const first = bytes[at++] ?? refute("bytes");
      const [major, short] = [first >> 5, first & 31];
      if (short < 24) return [major, short];
      if (short > 27) refute("bytes");
      const length = 1 << (short - 24);
      if (at + length > bytes.length) refute("bytes");
      let value = 0;
      for (let i = 0; i < length; i++) value = value * 256 + bytes[at++];
      const least = [24, 2 ** 8, 2 ** 16, 2 ** 32][short - 24];
      if (value < least || value > Number.MAX_SAFE_INTEGER) refute("bytes");
      return [major, value];
    }
    function item(depth) {
      const [major, value] = head();
      if (major === 0) return value;
      if (major === 2 || major === 3) {
        if (at + value > bytes.length) refute("bytes");
        const part = bytes.subarray(at, (at += value));
        return major === 2 ? part : text(part);
      }
      if (major !== 4 || depth > 8 || value > bytes.length - at) refute("bytes");
      return Array.from({ length: value }, () => item(depth + 1));
    }
    const whole = item(0);
    return at === bytes.length ? whole : refute("bytes");
  }

  // ---- the two trees (RFC 9162 §2.1; FORMAT.md §7)
  const NOTHING = new Uint8Array();
  const [LEAF_KEY, NODE_KEY] = ["tamga 2025 leaf v1", "tamga 2025 node v1"].map((context) => Blake3.derive(context, NOTHING));
  const TREES = {
    sha256: {
      path: "tile",
      leaf: (entry) => sha256(join(Uint8Array.of(0), entry)),
      node: (left, right) => sha256(join(Uint8Array.of(1), left, right)),
    },
    blake3: {
      path: "blake3/tile",
      leaf: async (entry) => Blake3.keyed(LEAF_KEY, entry),
      node: async (left, right) => Blake3.keyed(NODE_KEY, join(left, right)),
    },
  };
  const half = (number) => Math.floor(number / 2);

  // The root to which a path leads from a leaf (RFC 9162 §2.1.3.2).
  async function rootFromPath(tree, leaf, index, size, path) {
    let [first, last, root] = [index, size - 1, leaf];
    if (index >= size) refute("inclusion");
    for (const sibling of path) {
      if (last === 0 || sibling.length !== 32) refute("inclusion");
      if (first % 2 === 1 || first === last) {
        root = await tree.node(sibling, root);
        while (first % 2 === 0 && first !== 0) [first, last] = [half(first), half(last)];
      } else {
        root = await tree.node(root, sibling);
      }
      [first, last] = [half(first), half(last)];
    }
    return last === 0 ? root : refute("inclusion");
  }

  // ---- a node's files
  function tilePath(index) {
    let [rest, path] = [Math.floor(index / 1000), String(index % 1000).padStart(3, "0")];
    for (; rest > 0; rest = Math.floor(rest / 1000)) path = `x${String(rest % 1000).padStart(3, "0")}/${path}`;
    return path;
  }

  class Node {
    constructor(url) { this.url = url.replace(/\/+$/, ""); this.kept = new Map(); }

    async bytes(path) {
      const answer = await fetch(`${this.url}/${path}`, { credentials: "omit", referrerPolicy: "no-referrer" });
      if (!answer.ok) throw Object.assign(new Error(`${answer.status} /${path}`), { status: answer.status });
      return new Uint8Array(await answer.arrayBuffer());
    }

    // One row's tile in a tree of this size.
    tile(name, row, index) {
      const width = Math.min(256, row - index * 256);
      const path = `${name}/${tilePath(index)}${width < 256 ? `.p/${width}` : ""}`;
      if (!this.kept.has(path)) this.kept.set(path, this.bytes(path));
      return this.kept.get(path);
    }

    async entry(leaf, size) {
      const bundle = await this.tile("tile/entries", size, Math.floor(leaf / 256));
      let at = 0;
      for (let skip = leaf % 256; ; skip--) {
        const length = (bundle[at] << 8) | bundle[at + 1];
        if (!(at + 2 + length <= bundle.length)) refute("bytes");
        if (skip === 0) return bundle.subarray(at + 2, at + 2 + length);
        at += 2 + length;
      }
    }
  }

  // The hash over the whole subtree of 2^level leaves at `index`, out of tiles.
  async function subtree(node, tree, size, level, index) {
    const [row, within] = [Math.floor(level / 8), level % 8];
    const first = index * 2 ** within;
    const bytes = await node.tile(`${tree.path}/${row}`, Math.floor(size / 256 ** row), Math.floor(first / 256));
    const at = (first % 256) * 32;
    let hashes = Array.from({ length: 2 ** within }, (_, i) => bytes.subarray(at + 32 * i, at + 32 * i + 32));
    if (hashes.some((hash) => hash.length !== 32)) refute("bytes");
    while (hashes.length > 1) {
      hashes = await Promise.all(Array.from({ length: hashes.length / 2 }, (_, i) => tree.node(hashes[2 * i], hashes[2 * i + 1])));
    }
    return hashes[0];
  }

  // The hash over leaves lo..hi. `known(lo, hi)` gives a hash that is known otherwise, or "split" where tiles will not do.
  async function over(node, tree, size, lo, hi, known) {
    const found = await known(lo, hi);
    if (found instanceof Uint8Array) return found;
    const count = hi - lo;
    const level = Math.log2(count);
    if (Number.isInteger(level) && found !== "split") return subtree(node, tree, size, level, lo / count);
    let left = 1;
    while (left * 2 < count) left *= 2;
    return tree.node(
      await over(node, tree, size, lo, lo + left, known),
      await over(node, tree, size, lo + left, hi, known),
    );
  }

  // The root of the whole tree with these hashes at these leaves, `leaves` being [[index, hash], …].
  async function rootWith(node, tree, size, leaves) {
    return over(node, tree, size, 0, size, (lo, hi) => {
      const inside = leaves.filter(([index]) => lo <= index && index < hi);
      if (inside.length === 0) return undefined;
      return hi - lo === 1 ? inside[0][1] : "split";
    });
  }

  // Whether this entry is the one at this leaf under the checkpoint, in both trees.
  async function included(node, note, leaf, entry) {
    for (const [name, tree] of Object.entries(TREES)) {
      const root = await rootWith(node, tree, note.size, [[leaf, await tree.leaf(entry)]]);
      if (!same(root, note.roots[name])) refute("inclusion", name);
    }
  }

  // The roots at both sizes, computed from the same hashes: if the later one is right, so is the earlier one.
  async function rootsAt(node, tree, before, size) {
    const kept = new Map();
    const later = await over(node, tree, size, 0, size, async (lo, hi) => {
      if (lo < before && before < hi) return "split";
      if (hi > before) return undefined;
      const hash = await subtree(node, tree, size, Math.log2(hi - lo), lo / (hi - lo));
      kept.set(`${lo}-${hi}`, hash);
      return hash;
    });
    const earlier = await over(node, tree, before, 0, before, (lo, hi) => kept.get(`${lo}-${hi}`) ?? "split");
    return [earlier, later];
  }

  // ---- notes and policies
  function parseNote(note) {
    const end = note.lastIndexOf("\n\n");
    if (end < 0 || !note.endsWith("\n")) refute("note");
    const [origin, size, root, extension, ...more] = note.slice(0, end + 1).split("\n");
    if (more.length !== 1 || more[0] !== "" || !/^(0|[1-9]\d*)$/.test(size)) refute("note");
    if (!extension?.startsWith("blake3 ")) refute("note");
    const signatures = note.slice(end + 2).split("\n").slice(0, -1).map((line) => {
      const found = /^— (\S+) (\S+)$/.exec(line) ?? refute("note");
      return { name: found[1], bytes: unbase64(found[2]) };
    });
    const roots = { sha256: unbase64(root), blake3: unbase64(extension.slice(7)) };
    if (roots.sha256.length !== 32 || roots.blake3.length !== 32 || Number(size) > Number.MAX_SAFE_INTEGER) refute("note");
    return { text: note.slice(0, end + 1), note, origin, size: Number(size), roots, signatures };
  }

  function parsePolicy(policy) {
    const [witnesses, groups] = [new Map(), new Map()];
    let quorum;
    for (const line of policy.split("\n")) {
      const [kind, name, ...rest] = line.split("#")[0].trim().split(/\s+/);
      if (kind === "witness") {
        const [, key, , bytes] = /^(.+)\+([0-9a-f]{8})\+(\S+)$/.exec(rest[0]) ?? refute("policy");
        const decoded = unbase64(bytes);
        if (decoded.length !== 33) refute("policy");
        witnesses.set(name, { key, type: decoded[0], public: decoded.subarray(1) });
      } else if (kind === "group") {
        const [threshold, ...members] = rest;
        const least = { any: 1, all: members.length }[threshold] ?? Number(threshold);
        if (!(least >= 1 && least <= members.length)) refute("policy");
        groups.set(name, { least, members });
      } else if (kind === "quorum") {
        quorum = name;
      }
    }
    return groups.has(quorum) ? { witnesses, groups, quorum } : refute("policy");
  }

  const keyHash = async (name, type, key) => (await sha256(join(utf8(name), Uint8Array.of(10, type), key))).subarray(0, 4);

  async function ed25519(key, signature, message) {
    const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
    return crypto.subtle.verify({ name: "Ed25519" }, imported, signature, message);
  }

  // Whether one of the nodes published it: a log signature (type 0x01) under the origin, made only after the quorum.
  async function published(note, logs) {
    let signed = false;
    for (const key of logs) {
      const hash = await keyHash(note.origin, 1, key);
      for (const { name, bytes } of note.signatures) {
        if (name !== note.origin || bytes.length !== 68 || !same(bytes.subarray(0, 4), hash)) continue;
        signed = (await ed25519(key, bytes.subarray(4), utf8(note.text))) || refute("badSignature", name);
      }
    }
    return signed;
  }

  // Names of the organisations that cosigned, and whether they satisfy the policy (cosignature/v1).
  async function cosigned(note, policy) {
    const signed = new Set();
    for (const [name, witness] of policy.witnesses) {
      const hash = await keyHash(witness.key, witness.type, witness.public);
      for (const line of note.signatures) {
        const { bytes } = line;
        if (line.name !== witness.key || witness.type !== 4 || bytes.length !== 76 || !same(bytes.subarray(0, 4), hash)) continue;
        const time = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(4);
        const message = utf8(`cosignature/v1\ntime ${time}\n${note.text}`);
        // A line of a known key that does not verify spoils the note (C2SP signed-note), however many others there are.
        if (!(await ed25519(witness.public, bytes.subarray(12), message))) refute("badSignature", name);
        signed.add(name);
      }
    }
    const holds = (name) => signed.has(name) || (policy.groups.has(name) && reached(policy.groups.get(name)));
    const reached = ({ least, members }) => members.filter(holds).length >= least;
    const { least, members } = policy.groups.get(policy.quorum);
    return { satisfied: holds(policy.quorum), organisations: members.filter(holds), least, of: members.length };
  }

  // ---- records
  const [ELECTION, GOVERNANCE, REFUSED] = [1, 20, 2];
  const [NODE_ADD, NODE_KEYS, POLICY_EPOCH] = [1, 4, 16];
  function parseEntry(entry) {
    const [version, time, verdict, code, flags, form, payload] = cbor(entry);
    if (version !== 1 || !(payload instanceof Uint8Array)) refute("bytes");
    const said = { time, verdict, code, flags, form };
    if (form === 1) return { ...said, id: cbor(payload)[0], kind: cbor(payload)[1] };
    const [record, signatures] = cbor(payload);
    const header = cbor(record);
    return { ...said, record, signatures, kind: header[2], scope: header[4], body: header[11], id: Blake3.derive("tamga 2025 record id v1", record) };
  }

  // What the genesis record says, if it is the one with this id.
  function parseGenesis(entry, pinned) {
    const { record, kind, body } = parseEntry(entry);
    if (kind !== ELECTION) refute("genesis");
    const id = hex(Blake3.derive("tamga 2025 election id v1", record));
    if (pinned && pinned !== id) refute("otherElection", id);
    const election = cbor(body);
    const origin = `${election[2]}/${id.slice(0, 16)}`;
    return { id, entry, origin, real: election[0] === 1, policies: [{ leaf: 0, policy: parsePolicy(election[7]) }],
      logs: election[6].flatMap((organisation) => organisation[4].map((node) => node[3])) };
  }

  // Who must cosign a checkpoint of this size: the last policy whose record it covers.
  const policyAt = (genesis, size) => genesis.policies.findLast(({ leaf }) => leaf === 0 || leaf < size).policy;

  // The way from the genesis record's policy to today's (FORMAT.md §8): each change is a record whose place is proven under a
  // checkpoint that satisfies the policy before it and the one it brings. A step that is left out makes later checkpoints fail.
  async function follow(genesis, history) {
    const [version, steps] = cbor(history);
    if (version !== 1) refute("history");
    for (const step of steps) {
      const receipt = parseReceipt(step);
      const { kind, verdict, body } = parseEntry(receipt.entry);
      const decision = kind === GOVERNANCE && verdict !== REFUSED ? cbor(body) : refute("history");
      const [action, content] = decision;
      if (action === NODE_ADD) genesis.logs.push(content[2][3]);
      if (action === NODE_KEYS) genesis.logs.push(content[0][3]);
      if (action !== POLICY_EPOCH) continue;
      const policy = parsePolicy(content[1]);
      const note = await proven(receipt);
      for (const due of [genesis.policies.at(-1).policy, policy]) {
        if (note.origin !== genesis.origin || !(await cosigned(note, due)).satisfied) refute("history", String(receipt.leaf));
      }
      if (receipt.leaf <= genesis.policies.at(-1).leaf) refute("history", String(receipt.leaf));
      genesis.policies.push({ leaf: receipt.leaf, policy });
    }
  }

  // The checkpoint of a receipt, if its entry stands in both trees under it. Who signed it is another question.
  async function proven(receipt) {
    const note = parseNote(receipt.checkpoint);
    for (const [name, tree] of Object.entries(TREES)) {
      const leaf = await tree.leaf(receipt.entry);
      const root = await rootFromPath(tree, leaf, receipt.leaf, note.size, receipt.paths[name]);
      if (!same(root, note.roots[name])) refute("inclusion", name);
    }
    return note;
  }

  // A receipt [1, leaf, entry, path, path, checkpoint], or a bundle that carries the genesis entry before it.
  function parseReceipt(bytes) {
    const whole = cbor(bytes);
    if (whole.length === 3 && whole[0] === 1) return { genesis: whole[1], ...parseReceipt(whole[2]) };
    if (whole.length === 4 && whole[0] === 2) return { genesis: whole[1], history: whole[3], ...parseReceipt(whole[2]) };
    if (whole.length !== 6 || whole[0] !== 1) refute("receipt");
    const [, leaf, entry, sha, blake, checkpoint] = whole;
    return { leaf, entry, paths: { sha256: sha, blake3: blake }, checkpoint };
  }

  // ---- one's own identification, after the Voting seal (node/src/public/admitted.rs)
  const ADMITTED = { ...TREES.blake3, path: "admitted/tile" };
  const [SEAL, VOTING] = [21, 2];
  const before = (a, b) => { const i = a.findIndex((byte, place) => byte !== b[place]); return i >= 0 && a[i] < b[i]; };

  // The entry of the admission of this tag, or null if it is proven that there is none. The tag stays here: the node sees that
  // one of its buckets is wanted. `seal` is the verified entry of the Voting seal.
  async function admission(node, seal, count, tag) {
    const { kind, verdict, body } = parseEntry(seal);
    const [stage, , , , root] = kind === SEAL && verdict !== REFUSED ? cbor(body) : refute("bytes");
    if (stage !== VOTING) refute("bytes");
    const wanted = Blake3.derive("tamga 2025 roll leaf v1", tag).subarray(0, 16);
    const index = await node.bytes("admitted/index");
    const first = (bucket) => index.subarray(16 * bucket, 16 * bucket + 16);
    let bucket = 0;
    while ((bucket + 1) * 256 < count && !before(wanted, first(bucket + 1))) bucket += 1;
    const bytes = count > 0 ? await node.tile("admitted/leaves", count, bucket) : NOTHING;
    const rows = Array.from({ length: bytes.length / 24 }, (_, i) => bytes.subarray(24 * i, 24 * i + 24));
    const place = rows.filter((row) => before(row.subarray(0, 16), wanted)).length;
    const found = place < rows.length && same(rows[place].subarray(0, 16), wanted);
    const at = bucket * 256 + place;
    const near = found ? [[at, wanted]] : [
      ...(place > 0 ? [[at - 1, rows[place - 1].subarray(0, 16)]] : []),
      ...(at < count ? [[at, place < rows.length ? rows[place].subarray(0, 16) : first(bucket + 1)]] : []),
    ];
    // Neighbours prove an absence only if nothing fits between them, and at an end only if it is the end.
    const ordered = found || near.every(([i, leaf]) => (i < at ? before(leaf, wanted) : before(wanted, leaf)));
    const complete = found || near.length === 2 || at === 0 || at === count;
    const leaves = await Promise.all(near.map(async ([i, leaf]) => [i, await ADMITTED.leaf(leaf)]));
    const computed = count > 0 ? await rootWith(node, ADMITTED, count, leaves) : Blake3.keyed(NODE_KEY, NOTHING);
    if (!ordered || !complete || !same(computed, root)) refute("admitted");
    return found ? Number(new DataView(rows[place].buffer, rows[place].byteOffset).getBigUint64(16)) : null;
  }

  return {
    Refuted, refute, TREES, Node, cbor, hex, unhex, unbase64, same, text, parseNote, parseEntry, parseGenesis, parseReceipt, policyAt, follow,
    proven, included, rootsAt, cosigned, published, admission,
  };
})();
