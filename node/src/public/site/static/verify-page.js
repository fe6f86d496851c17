// The buttons of the verification page: what is asked, in which order, and what is said about it.
"use strict";
(() => {
  const SAID = JSON.parse(document.querySelector("#said").textContent);
  const say = (key, ...values) => values.reduce((text, value, i) => text.replace(`{${i}}`, value), SAID[key] ?? key);
  const field = (id) => document.querySelector(`#${id}`);
  // Entries of a court's bundle that are listed; the rest is counted.
  const SHOWN_MAX = 100;
  const own = location.protocol.startsWith("http");

  // ---- what is said
  class Report {
    constructor() { this.lines = []; this.refuted = false; this.finished = true; }
    add(state, key, ...values) { this.lines.push([state, say(key, ...values)]); this.refuted ||= state === "bad"; }
    good(key, ...values) { this.add("good", key, ...values); }
    bad(key, ...values) { this.add("bad", key, ...values); }
    open(key, ...values) { this.add("open", key, ...values); }

    show() {
      const place = field("verify-result");
      const made = (tag, name, text) => Object.assign(document.createElement(tag), { className: name, textContent: text });
      // What was found before a check broke off is shown, but it answers no question.
      const sure = this.finished && this.lines.some(([state]) => state === "good");
      const verdict = this.refuted ? "refuted" : sure ? "verified" : "unchecked";
      const list = made("ul", "checked", "");
      list.append(...this.lines.map(([state, text]) => made("li", state, text)));
      place.replaceChildren(made("p", `verdict ${this.refuted ? "bad" : ""}`, say(verdict)), list);
      place.dataset.verdict = verdict;
      // The page is long on a phone; the answer is what was asked for.
      place.scrollIntoView({ block: "nearest" });
    }
  }

  // Runs a check and shows its report, however it ends.
  async function run(check) {
    const place = field("verify-result");
    delete place.dataset.verdict;
    place.textContent = say("working");
    const report = new Report();
    try {
      if (!globalThis.crypto?.subtle) throw new Error(say("insecure"));
      await check(report);
    } catch (error) {
      if (error instanceof Tamga.Refuted) report.bad(error.said, error.detail);
      else {
        report.open("failed", error.message);
        report.finished = false;
      }
    }
    report.show();
  }

  // ---- what is remembered: the last checkpoint of each election that this browser has verified
  const key = (id) => `tamga:${id}`;
  function remembered(id) {
    try { return JSON.parse(localStorage.getItem(key(id))); } catch { return null; }
  }
  function remember(id, note) {
    try { localStorage.setItem(key(id), JSON.stringify({ size: note.size, note: note.note })); } catch { /* a browser without memory */ }
  }

  // ---- the steps
  async function trusted(report, pinned, entry, history) {
    const genesis = Tamga.parseGenesis(entry, pinned);
    if (history) await Tamga.follow(genesis, history);
    if (pinned) report.good("pinned", genesis.id);
    else report.open("unpinned", genesis.id);
    if (!genesis.real) report.open("rehearsal");
    return genesis;
  }

  async function checkpoint(report, genesis, noteText) {
    const note = Tamga.parseNote(noteText);
    if (note.origin !== genesis.origin) throw new Tamga.Refuted("origin", note.origin);
    const signed = await Tamga.cosigned(note, Tamga.policyAt(genesis, note.size));
    const names = signed.organisations.join(", ") || "–";
    if (!signed.satisfied) throw new Tamga.Refuted("noQuorum", `${signed.organisations.length} / ${signed.of} (${names}); ${signed.least}`);
    if (!(await Tamga.published(note, genesis.logs))) throw new Tamga.Refuted("noLog");
    report.good("quorum", signed.organisations.length, signed.of, names, note.size);
    return note;
  }

  // Whether the smaller of two checkpoints is the beginning of the larger one, by the tiles of `node`.
  async function consistent(node, one, other) {
    const [before, after] = one.size <= other.size ? [one, other] : [other, one];
    for (const [name, tree] of Object.entries(Tamga.TREES)) {
      if (before.size === after.size) {
        if (!Tamga.same(before.roots[name], after.roots[name])) return false;
        continue;
      }
      if (before.size === 0) continue;
      const [earlier, later] = await Tamga.rootsAt(node, tree, before.size, after.size);
      if (!Tamga.same(later, after.roots[name])) throw new Tamga.Refuted("tiles", name);
      if (!Tamga.same(earlier, before.roots[name])) return false;
    }
    return true;
  }

  async function againstMemory(report, genesis, node, note) {
    const seen = remembered(genesis.id);
    if (!seen) report.open("firstTime");
    else if (seen.size > note.size) return report.open("older", note.size, seen.size);
    else if (await consistent(node, Tamga.parseNote(seen.note), note)) report.good("extends", seen.size, note.size);
    else throw new Tamga.Refuted("twoHistories", `${seen.size} / ${note.size}`);
    remember(genesis.id, note);
  }

  const verdictOf = (parsed) => say(["accepted", "flagged", "refusedRecord"][parsed.verdict] ?? "flagged");

  // What a file is read as, or that it is none: of bytes that are not even the right shape no part is to be blamed.
  function understood(said, parse) {
    try { return parse(); } catch { throw new Tamga.Refuted(said); }
  }

  function told(report, leaf, entry) {
    const parsed = Tamga.parseEntry(entry);
    report.good("record", leaf, Tamga.hex(parsed.id), new Date(parsed.time).toISOString(), verdictOf(parsed));
    report.open("notChecked");
  }

  // ---- what can be asked
  async function verifyLeaf(report, url, pinned, leaf) {
    const node = new Tamga.Node(url);
    const genesis = await trusted(report, pinned, await node.bytes("api/v1/genesis"), await node.bytes("history"));
    const note = await checkpoint(report, genesis, Tamga.text(await node.bytes("checkpoint")));
    if (leaf >= note.size) throw new Error(say("notCovered", leaf, note.size));
    const entry = await node.entry(leaf, note.size);
    await Tamga.included(node, note, leaf, entry);
    report.good("included", leaf, note.size);
    await againstMemory(report, genesis, node, note);
    told(report, leaf, entry);
  }

  async function verifyReceipt(report, bytes, url, pinned, genesisFile) {
    const receipt = understood("receipt", () => Tamga.parseReceipt(bytes));
    const node = url ? new Tamga.Node(url) : null;
    const entry = genesisFile ?? receipt.genesis ?? (node ? await node.bytes("api/v1/genesis") : null);
    if (!entry) throw new Error(say("genesisNeeded"));
    const history = receipt.history ?? (await node?.bytes("history").catch(() => null));
    const genesis = await trusted(report, pinned, entry, history);
    const note = await checkpoint(report, genesis, receipt.checkpoint);
    await Tamga.proven(receipt);
    report.good("included", receipt.leaf, note.size);
    told(report, receipt.leaf, receipt.entry);
    await againstNow(report, genesis, node, note);
  }

  // A court's bundle has everything in it but the election id, which the reader has from paper.
  async function verifyCourt(report, bytes, url, pinned) {
    const bundle = understood("court", () => Court.parse(bytes));
    const node = url ? new Tamga.Node(url) : null;
    if (bundle.items[0].leaf !== 0) throw new Tamga.Refuted("genesis");
    const genesis = await trusted(report, pinned, bundle.items[0].entry, bundle.history.length > 0 ? bundle.history : null);
    let note;
    for (const link of bundle.links) {
      const next = await checkpoint(report, genesis, link.note);
      if (note) await Court.extended(note, next, link.paths);
      else if (link.paths.sha256.length + link.paths.blake3.length > 0) throw new Tamga.Refuted("courtLinks");
      note = next;
    }
    if (bundle.links.length > 1) report.good("courtChain", bundle.links.length);
    await Court.included(bundle, note);
    const entries = Court.read(bundle);
    const asked = entries.filter((entry) => entry.asked);
    report.good(["", "courtStation", "courtConstituency", "courtRecords"][bundle.what], bundle.number || asked.length);
    report.good("courtIncluded", entries.length, note.size, asked.length);
    for (const { leaf, parsed } of asked.slice(0, SHOWN_MAX)) {
      const place = say(["atElection", "atConstituency", "atStation", "atUnit"][parsed.scope?.[0] ?? 0], ...(parsed.scope?.slice(1) ?? []));
      const kind = SAID.kinds[parsed.kind] ?? parsed.kind;
      report.good("courtEntry", leaf, kind, place, new Date(parsed.time).toISOString(), verdictOf(parsed), Tamga.hex(parsed.id));
    }
    if (asked.length > SHOWN_MAX) report.open("courtMore", asked.length - SHOWN_MAX);
    report.open("courtSaid", [bundle.order, bundle.tool].filter(Boolean).join("; "));
    const bodies = bundle.items.filter(({ body }) => body.length > 0).length;
    if (bodies > 0) report.open("courtBodies", bodies);
    report.open("courtNotChecked");
    await againstNow(report, genesis, node, note);
  }

  // A checkpoint out of a file beside the one that a node shows now, if one can be asked.
  async function againstNow(report, genesis, node, note) {
    if (!node) return report.open("offline");
    let now;
    try {
      now = Tamga.text(await node.bytes("checkpoint"));
    } catch {
      return report.open("offline");
    }
    const latest = await checkpoint(report, genesis, now);
    if (latest.text === note.text) report.good("latest");
    else if (latest.size < note.size) report.open("older", latest.size, note.size);
    else if (await consistent(node, note, latest)) report.good("extends", note.size, latest.size);
    else throw new Tamga.Refuted("twoHistories", `${note.size} / ${latest.size}`);
    await againstMemory(report, genesis, node, latest);
  }

  async function findOwn(report, url, pinned, tag) {
    const node = new Tamga.Node(url);
    const genesis = await trusted(report, pinned, await node.bytes("api/v1/genesis"), await node.bytes("history"));
    const note = await checkpoint(report, genesis, Tamga.text(await node.bytes("checkpoint")));
    const summary = await node.bytes("api/v1/admitted").catch((error) => {
      throw error.status === 403 ? new Error(say("notSealed")) : error;
    });
    const { count, seal } = JSON.parse(Tamga.text(summary));
    const entry = await node.entry(seal, note.size);
    await Tamga.included(node, note, seal, entry);
    report.good("sealed", seal, count);
    const found = await Tamga.admission(node, entry, count, tag);
    if (found === null) report.good("notAdmitted");
    else report.good("admittedAt", found);
    report.open("tagStays");
  }

  async function compare(report, urls, pinned) {
    let genesis;
    const found = [];
    // What a node shows is said of that node.
    const of = async (url, look) => {
      try {
        await look();
      } catch (error) {
        if (error instanceof Tamga.Refuted) report.bad("nodeBad", url, say(error.said, error.detail));
        else report.open("nodeSilent", url, error.message);
      }
    };
    for (const url of urls) {
      const node = new Tamga.Node(url);
      await of(url, async () => {
        const entry = await node.bytes("api/v1/genesis");
        genesis ??= await trusted(report, pinned, entry, await node.bytes("history"));
        Tamga.parseGenesis(entry, genesis.id);
        found.push({ url, node, note: await checkpoint(report, genesis, Tamga.text(await node.bytes("checkpoint"))) });
        report.good("nodeShows", url, found.at(-1).note.size);
      });
    }
    const largest = found.reduce((best, one) => (best && best.note.size >= one.note.size ? best : one), null);
    for (const one of found.filter((other) => other !== largest)) {
      await of(largest.url, async () => {
        if (!(await consistent(largest.node, one.note, largest.note))) report.bad("nodesDiffer", one.url, largest.url);
        else if (one.note.size < largest.note.size) report.good("behind", one.url, largest.note.size - one.note.size, largest.url);
        else report.good("agrees", one.url, one.note.size, largest.url);
      });
    }
  }

  // ---- the form
  const given = (id) => field(id)?.value.trim() ?? "";
  const pinned = () => {
    const id = given("election").toLowerCase();
    if (id && !/^[0-9a-f]{64}$/.test(id)) throw new Error(say("badId"));
    return id;
  };
  const node = () => given("node") || (own ? location.origin : "");
  const neededNode = () => node() || (() => { throw new Error(say("nodeNeeded")); })();
  async function file(id) {
    const chosen = field(id).files[0];
    if (!chosen) return null;
    if (chosen.size > Court.BYTES_MAX) throw new Error(say("tooLarge", Court.BYTES_MAX / 2 ** 20));
    return new Uint8Array(await chosen.arrayBuffer());
  }

  // A receipt or a court's bundle: a file, or text.
  async function documentGiven() {
    const chosen = await file("receipt-file");
    const pasted = given("receipt");
    if (!chosen && !pasted) throw new Error(say("receiptNeeded"));
    let text = pasted;
    if (chosen) {
      // Canonical bytes of a receipt begin with an array; a text file begins with a letter or a brace.
      if (chosen[0] >> 5 === 4) return chosen;
      text = understood("receipt", () => Tamga.text(chosen)).trim();
    }
    return understood("receipt", () => {
      if (text.startsWith("{")) text = JSON.parse(text).cbor ?? "";
      return Tamga.unbase64(text.replace(/\s+/g, ""));
    });
  }

  function onClick(id, check) {
    field(id)?.addEventListener("click", (event) => { event.preventDefault(); run(check); });
  }

  onClick("verify-receipt", async (report) => {
    const bytes = await documentGiven();
    if (Court.isOne(bytes)) return verifyCourt(report, bytes, node(), pinned());
    return verifyReceipt(report, bytes, node(), pinned(), await file("genesis-file"));
  });
  onClick("verify-leaf", (report) => {
    if (!/^\d+$/.test(given("leaf"))) throw new Error(say("leafNeeded"));
    return verifyLeaf(report, neededNode(), pinned(), Number(given("leaf")));
  });
  onClick("verify-record", (report) => verifyLeaf(report, location.origin, "", Number(document.querySelector(".verify").dataset.leaf)));
  onClick("verify-tag", (report) => {
    const tag = given("tag").toLowerCase();
    if (!/^[0-9a-f]{64}$/.test(tag)) throw new Error(say("badTag"));
    return findOwn(report, neededNode(), pinned(), Tamga.unhex(tag));
  });
  onClick("compare", (report) => {
    const urls = given("nodes-list").split(/\s+/).filter((url) => /^https?:\/\//.test(url));
    if (urls.length < 2) throw new Error(say("twoNodes"));
    return compare(report, urls, pinned());
  });

  for (const hidden of document.querySelectorAll(".script-only")) hidden.hidden = false;
  if (field("node") && own) field("node").value = location.origin;
})();
