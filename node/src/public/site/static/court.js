// Checks a court's bundle (the file of `tamga bundle`; FORMAT.md §18), believing nobody but the reader's election id. Needs verify.js.
//
//   election id ─► first entry (genesis record) ─► decisions ─► checkpoints, each extending the one before (Ed25519 of k organisations)
//        ─► roots of two trees under the last ─► every entry's place in both, by one shared list of hashes (SHA-256, BLAKE3)
"use strict";
var Court = (() => {
  const { refute, same } = Tamga;
  const BYTES_MAX = 256 * 2 ** 20;
  const [LINKS_MAX, PATH_MAX] = [256, 64];
  const [DEFINITION_PART, STATIONS, LEGAL_ACT, CASE, REFUSED] = [2, 2, 16, 17, 2];
  // What may stand beside the subject: definition, keys, revocations, custody, decisions of the organisations, seals.
  const CONTEXT = [2, 3, 4, 18, 20, 21];
  const [STATION, CONSTITUENCY, RECORDS] = [1, 2, 3];

  // An array of nine that begins with this text.
  const isOne = (bytes) => bytes[0] === 0x89 && bytes[1] === 0x6e && Tamga.hex(bytes.subarray(2, 14)) === "74616d67612f636f7572742f";

  const all = (list, type, most) => Array.isArray(list) && list.length <= most && list.every((one) => (type === Array ? Array.isArray(one) : one instanceof type));

  function parse(bytes) {
    const whole = Tamga.cbor(bytes);
    if (whole.length !== 9 || whole[0] !== "tamga/court/v1") refute("court");
    const [, tool, subject, order, history, links, items, sha256, blake3] = whole;
    if (!all(links, Array, LINKS_MAX) || !all(items, Array, Infinity) || links.length === 0 || items.length === 0) refute("court");
    const lists = [sha256, blake3, ...links.flatMap((link) => link.slice(1))];
    if (!lists.every((list) => all(list, Uint8Array, Infinity) && list.every((hash) => hash.length === 32))) refute("court");
    const [what, number, ids] = Array.isArray(subject) ? subject : refute("court");
    if (![STATION, CONSTITUENCY, RECORDS].includes(what) || !all(ids, Uint8Array, Infinity)) refute("court");
    if (typeof tool !== "string" || typeof order !== "string" || !links.every(([note]) => typeof note === "string")) refute("court");
    if (!items.every(([leaf, , ...parts]) => Number.isInteger(leaf) && parts.length === 2 && all(parts, Uint8Array, 2))) refute("court");
    return {
      tool, order, what, number, ids: ids.map(Tamga.hex), history, hashes: { sha256, blake3 },
      links: links.map(([note, sha, blake]) => ({ note, paths: { sha256: sha, blake3: blake } })),
      items: items.map(([leaf, asked, entry, body]) => ({ leaf, asked: asked === 1, entry, body })),
    };
  }

  // The root over leaves first..first+length of which those `inside` are known; each largest subtree with none of them is the next of `rest`.
  async function shared(tree, first, length, inside, rest) {
    if (inside.length === 0) return rest.shift() ?? refute("inclusion");
    if (length === 1) return inside[0].hash;
    let left = 1;
    while (left * 2 < length) left *= 2;
    const cut = inside.findIndex(({ leaf }) => leaf >= first + left);
    const [before, after] = cut < 0 ? [inside, []] : [inside.slice(0, cut), inside.slice(cut)];
    const hash = await shared(tree, first, left, before, rest);
    return tree.node(hash, await shared(tree, first + left, length - left, after, rest));
  }

  // Whether all entries stand at their leaves under this checkpoint, in both trees.
  async function included(bundle, note) {
    const { items } = bundle;
    if (items.some(({ leaf }, i) => i > 0 && leaf <= items[i - 1].leaf) || items.at(-1).leaf >= note.size) refute("inclusion");
    for (const [name, tree] of Object.entries(Tamga.TREES)) {
      const leaves = [];
      for (const { leaf, entry } of items) leaves.push({ leaf, hash: await tree.leaf(entry) });
      const rest = bundle.hashes[name].slice();
      const root = await shared(tree, 0, note.size, leaves, rest);
      if (rest.length > 0 || !same(root, note.roots[name])) refute("inclusion", name);
    }
  }

  // Whether the later checkpoint extends the earlier one, by a path in each tree (RFC 9162 §2.1.4.2).
  async function extended(before, after, paths) {
    if (before.size < 1 || before.size >= after.size) refute("courtLinks");
    for (const [name, tree] of Object.entries(Tamga.TREES)) {
      const path = paths[name].slice();
      let [first, last] = [before.size - 1, after.size - 1];
      // A whole tree is a subtree of the later one: its root is not repeated in the path.
      if (Number.isInteger(Math.log2(before.size))) path.unshift(before.roots[name]);
      while (first % 2 === 1) [first, last] = [Math.floor(first / 2), Math.floor(last / 2)];
      if (path.length < 1 || path.length > PATH_MAX) refute("courtLinks");
      let [old, now] = [path[0], path[0]];
      for (const sibling of path.slice(1)) {
        if (last === 0) refute("courtLinks");
        if (first % 2 === 1 || first === last) {
          [old, now] = [await tree.node(sibling, old), await tree.node(sibling, now)];
          while (first % 2 === 0 && first !== 0) [first, last] = [Math.floor(first / 2), Math.floor(last / 2)];
        } else {
          now = await tree.node(now, sibling);
        }
        [first, last] = [Math.floor(first / 2), Math.floor(last / 2)];
      }
      if (last !== 0 || !same(old, before.roots[name]) || !same(now, after.roots[name])) refute("courtLinks", name);
    }
  }

  // What each entry says of itself, and that exactly those are marked which are about the bundle's subject.
  function read(bundle) {
    const homes = new Map();
    const found = bundle.items.map(({ leaf, asked, entry, body }) => {
      const parsed = Tamga.parseEntry(entry);
      if (body.length > 0 && bundle.order === "") refute("courtBody", leaf);
      if (parsed.record && parsed.kind === DEFINITION_PART && parsed.verdict !== REFUSED) {
        const part = Tamga.cbor(parsed.body);
        if (part[0] === STATIONS) for (const station of Tamga.cbor(part[2])) homes.set(station[0], station[2]);
      }
      if (concerns(bundle, parsed, homes) !== asked) refute("courtSubject", leaf);
      if (!asked && (body.length > 0 || (leaf > 0 && !CONTEXT.includes(parsed.kind)))) refute("courtPlace", leaf);
      return { leaf, asked, parsed };
    });
    const there = new Set(found.map(({ parsed }) => Tamga.hex(parsed.id)));
    if (!found.some(({ asked }) => asked) || !bundle.ids.every((id) => there.has(id))) refute("courtIncomplete");
    return found;
  }

  // Scope: [0, 0, 0] the election, [1, constituency, 0], [2, station, 0], [3, station, unit].
  function concerns({ what, number, ids }, { id, kind, record, scope }, homes) {
    if (what === RECORDS) return ids.includes(Tamga.hex(id));
    // Of a refused record only a stub is public, which does not say whose it is.
    if (!record || scope[0] === 0) return false;
    if (scope[0] > 1) return what === STATION ? scope[1] === number : homes.get(scope[1]) === number;
    return what === CONSTITUENCY ? scope[1] === number : [LEGAL_ACT, CASE].includes(kind) && homes.get(number) === scope[1];
  }

  return { BYTES_MAX, isOne, parse, included, extended, read };
})();
