// The site in Debian's Chromium, against a running cluster. `node run.mjs PLAN OUT`: PLAN says where and what (browser.rs writes it),
// OUT takes screenshots. Ends with 1 if anything is not as it should be.
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const [planFile, out] = process.argv.slice(2);
const plan = JSON.parse(readFileSync(planFile, "utf8"));
const axeSource = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
mkdirSync(out, { recursive: true });

const failures = [];
let checks = 0;
function expect(holds, what) {
  checks += 1;
  if (!holds) { failures.push(what); console.log(`FAILED ${what}`); }
}

const LANGUAGES = ["ky", "ru", "en"];
const PHONE = { width: 360, height: 740 };
const pages = [
  "", "results", "constituencies", "constituencies/1", "stations", "stations/1", "stations/5", "irregularities", "acts",
  `records/${plan.hand_protocol}`, `records/${plan.second_attempt}`, "how", "verify", "api",
  ...plan.serials.map((serial) => `equipment/${encodeURIComponent(serial)}`),
];

const browser = await chromium.launch({ executablePath: plan.chromium, args: ["--no-sandbox", "--disable-gpu"] });

async function open(options, look) {
  const context = await browser.newContext({ ...options });
  const page = await context.newPage();
  const noise = [];
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && noise.push(message.text()));
  page.on("pageerror", (error) => noise.push(String(error)));
  const foreign = [];
  page.on("request", (request) => {
    if (!plan.nodes.some((node) => request.url().startsWith(node)) && !/^(file|data):/.test(request.url())) foreign.push(request.url());
  });
  try {
    await look(page, context);
  } finally {
    await context.close();
  }
  return { noise, foreign };
}

async function accessible(page, name) {
  // Run by the test itself, not by the page: its policy forbids foreign scripts, as it should.
  const found = await page.evaluate(`${axeSource}; axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })`);
  for (const violation of found.violations) {
    const where = violation.nodes.slice(0, 3).map((node) => node.target.join(" ")).join("; ");
    expect(false, `${name}: ${violation.id}: ${violation.help} (${where})`);
  }
  expect(found.passes.length > 5, `${name}: axe looked at the page`);
}

// Every page, every language: found, titled, with a checkpoint, no noise, nothing from elsewhere, accessible.
for (const language of LANGUAGES) {
  const { noise, foreign } = await open({ locale: language, viewport: PHONE }, async (page) => {
    for (const path of pages) {
      const name = `${language}/${path}`;
      const answer = await page.goto(`${plan.nodes[0]}/${name}`, { waitUntil: "load" });
      expect(answer.status() === 200, `${name}: status ${answer.status()}`);
      expect((await page.getAttribute("html", "lang")) === language, `${name}: lang`);
      expect((await page.locator("h1").count()) === 1, `${name}: one heading`);
      expect((await page.locator("#checkpoint code").innerText()).length === 64, `${name}: its checkpoint`);
      expect((await page.locator(".rehearsal").count()) === 1, `${name}: says that it is a rehearsal`);
      const width = await page.evaluate(() => document.documentElement.scrollWidth);
      expect(width <= PHONE.width, `${name}: ${width} px wide on a phone of ${PHONE.width}`);
      await accessible(page, name);
      await page.screenshot({ path: `${out}/${language}-${path.replaceAll("/", "-") || "overview"}.png`, fullPage: true });
    }
  });
  expect(noise.length === 0, `${language}: console: ${noise.join(" | ")}`);
  expect(foreign.length === 0, `${language}: requests elsewhere: ${foreign.join(" ")}`);
}

// Dark, large text, wide screen.
await open({ colorScheme: "dark", viewport: { width: 1200, height: 900 } }, async (page) => {
  for (const path of ["", "stations/1", "verify"]) {
    await page.goto(`${plan.nodes[0]}/en/${path}`);
    await accessible(page, `dark en/${path}`);
    await page.screenshot({ path: `${out}/dark-${path.replaceAll("/", "-") || "overview"}.png`, fullPage: true });
  }
});

// The first address follows the browser's language.
for (const language of LANGUAGES) {
  await open({ locale: language }, async (page) => {
    await page.goto(`${plan.nodes[0]}/`);
    expect(page.url().endsWith(`/${language}/`), `/ leads to ${page.url()} for ${language}`);
  });
}

// Keyboard alone: the first stop leads to the content.
await open({}, async (page) => {
  await page.goto(`${plan.nodes[0]}/en/`);
  await page.keyboard.press("Tab");
  expect((await page.evaluate(() => document.activeElement.className)) === "skip", "the first stop is the link to the content");
  await page.keyboard.press("Enter");
  expect((await page.evaluate(() => document.activeElement.id)) === "main", "it leads to the content");
});

// Without scripts everything can be read, and verification says what to do instead.
await open({ javaScriptEnabled: false, locale: "ru", viewport: PHONE }, async (page) => {
  for (const path of pages) {
    await page.goto(`${plan.nodes[0]}/ru/${path}`);
    expect((await page.locator("main").innerText()).length > 150, `without scripts: ru/${path} can be read`);
  }
  await page.goto(`${plan.nodes[0]}/ru/verify`);
  expect(await page.locator("noscript .note").isVisible(), "without scripts: verification says what to do instead");
  expect(!(await page.locator("#verify-form").isVisible()), "without scripts: no form that does nothing");
  await page.screenshot({ path: `${out}/noscript-ru-verify.png`, fullPage: true });
});

// A page learns of a new checkpoint by itself where scripts are on: the node's stream is open and names the one it shows.
await open({}, async (page) => {
  await page.goto(`${plan.nodes[0]}/en/`);
  const event = await page.evaluate(() => new Promise((resolve, reject) => {
    const source = new EventSource(document.body.dataset.events);
    source.addEventListener("checkpoint", (message) => { source.close(); resolve(JSON.parse(message.data)); });
    setTimeout(() => reject(new Error("no event")), 10000);
  }));
  const shown = Number(await page.getAttribute("#checkpoint", "data-size"));
  expect(event.checkpoint.size === shown && event.identified > 0, `the stream names ${event.checkpoint.size}, the page ${shown}`);
});

// What a page shows is what the API says.
await open({}, async (page) => {
  await page.goto(`${plan.nodes[0]}/en/stations/1`);
  const shown = await page.locator("#checkpoint").getAttribute("data-size");
  const answer = await (await page.request.get(`${plan.nodes[0]}/api/v1/stations/1`)).json();
  expect(Number(shown) === answer.checkpoint.size, `the page holds at ${shown}, the API at ${answer.checkpoint.size}`);
  const hand = answer.units[0].hand.counts.map(String);
  const rows = await page.locator(".wide table").nth(1).locator("tbody tr").allInnerTexts();
  const last = rows.slice(-hand.length).map((row) => row.split("\t")[2]);
  expect(JSON.stringify(last) === JSON.stringify(hand), `hand counts ${last} on the page, ${hand} in the API`);
});

async function verdict(page) {
  await page.waitForSelector("#verify-result[data-verdict]", { timeout: 30000 });
  return [await page.getAttribute("#verify-result", "data-verdict"), await page.innerText("#verify-result")];
}

// Verification beside a record, and again: the second time the browser remembers the first.
for (const language of LANGUAGES) {
  const { noise } = await open({ locale: language, viewport: PHONE }, async (page) => {
    for (const time of [1, 2]) {
      await page.goto(`${plan.nodes[1]}/${language}/records/${plan.hand_protocol}`);
      await page.click("#verify-record");
      const [found, text] = await verdict(page);
      expect(found === "verified", `${language}: record, time ${time}: ${text}`);
      expect((await page.locator("#verify-result .good").count()) >= 3 + (time - 1), `${language}: record, time ${time}: ${text}`);
    }
    await page.screenshot({ path: `${out}/${language}-record-verified.png`, fullPage: true });
    await accessible(page, `${language}: verified record`);
  });
  expect(noise.length === 0, `${language}: console while verifying: ${noise.join(" | ")}`);
}

const form = async (page, fields) => {
  for (const [id, value] of Object.entries(fields)) await page.fill(`#${id}`, value);
};

// Receipts: good, each kind of forgery, and another election.
await open({}, async (page) => {
  const judge = async (fields, button = "#verify-receipt") => {
    await page.goto(`${plan.nodes[0]}/en/verify`);
    await form(page, fields);
    await page.click(button);
    return verdict(page);
  };
  let [found, text] = await judge({ receipt: plan.receipt, election: plan.election });
  expect(found === "verified" && text.includes("the one with the id you gave") && text.includes("3 of 3"), `good receipt: ${text}`);
  await page.screenshot({ path: `${out}/en-receipt-good.png`, fullPage: true });
  for (const [name, forged] of Object.entries(plan.forged)) {
    [found, text] = await judge({ receipt: forged, election: plan.election });
    expect(found === "refuted", `forged receipt (${name}): ${found}: ${text}`);
  }
  await page.screenshot({ path: `${out}/en-receipt-forged.png`, fullPage: true });
  [found, text] = await judge({ receipt: plan.receipt, election: "07".repeat(32) });
  expect(found === "refuted", `another election: ${text}`);
  [found, text] = await judge({ receipt: "", election: plan.election });
  expect(found === "unchecked", `no receipt: ${text}`);
  [found, text] = await judge({ leaf: String(plan.hand_protocol), election: plan.election }, "#verify-leaf");
  expect(found === "verified", `by number: ${text}`);
  [found, text] = await judge({ leaf: "99999999" }, "#verify-leaf");
  expect(found === "unchecked", `beyond the end: ${text}`);
  [found, text] = await judge({ "nodes-list": plan.nodes.join("\n"), election: plan.election }, "#compare");
  expect(found === "verified", `nodes compared: ${text}`);
  await page.screenshot({ path: `${out}/en-compared.png`, fullPage: true });
});

// Courts' bundles: what `tamga bundle` writes, each kind of forgery, another ledger's, and files that are neither.
for (const language of LANGUAGES) {
  const { noise } = await open({ locale: language, viewport: PHONE }, async (page) => {
    for (const [name, file] of Object.entries(plan.court.good)) {
      await page.goto(`${plan.nodes[0]}/${language}/verify`);
      await form(page, { election: plan.election });
      await page.setInputFiles("#receipt-file", file);
      await page.click("#verify-receipt");
      const [found, text] = await verdict(page);
      expect(found === "verified", `${language}: bundle (${name}): ${found}: ${text}`);
      expect(text.includes("tamga verify") && text.includes("3"), `${language}: bundle (${name}) says what was not checked: ${text}`);
      expect(!/\bcourt[A-Z]|\bat[A-Z]|\{\d\}|undefined/.test(text), `${language}: bundle (${name}): a sentence is missing: ${text}`);
      if (language === "en" && name === "station") {
        expect(/about station 1\./.test(text) && text.includes("decision 7 of 2025-12-05") && /confidential parts of \d+ records/.test(text), `bundle: ${text}`);
        expect(/Record \d+: .*, station 1, unit 1, time/.test(text), `bundle: its entries are listed: ${text}`);
      }
    }
    await page.screenshot({ path: `${out}/${language}-court.png`, fullPage: true });
    await accessible(page, `${language}: verified bundle`);
  });
  expect(noise.length === 0, `${language}: console while verifying a bundle: ${noise.join(" | ")}`);
}
await open({}, async (page) => {
  const judge = async (file, election = plan.election) => {
    await page.goto(`${plan.nodes[0]}/en/verify`);
    await form(page, { election });
    await page.setInputFiles("#receipt-file", file);
    await page.click("#verify-receipt");
    return verdict(page);
  };
  const reasons = {
    "one bit of an entry": "not part of the published ledger", "one bit of the genesis record": "another election", "a shared hash": "not part of the published ledger",
    "a shared BLAKE3 hash": "not part of the published ledger", "the way between checkpoints": "do not continue", "a checkpoint's root": "signature is wrong",
    "a mark": "marked wrongly", "an entry left out": "not part of the published ledger", "the order left out": "without a court's order",
    "half a file": "no court's bundle", "other people's entries": "has no place here", "another ledger's": "another election",
  };
  for (const [name, file] of Object.entries(plan.court.wrong)) {
    const [found, text] = await judge(file);
    expect(found === "refuted" && text.includes(reasons[name] ?? "?"), `wrong bundle (${name}): ${found}: ${text}`);
  }
  await page.screenshot({ path: `${out}/en-court-forged.png`, fullPage: true });
  let [found, text] = await judge(plan.court.wrong["another ledger's"], "");
  expect(text.includes("stated by") || found !== "verified", `another ledger's without an id: ${found}: ${text}`);
  expect(found !== "verified", `another ledger's beside this node: ${found}: ${text}`);
  [found, text] = await judge(plan.court.neither);
  expect(found === "refuted" && text.includes("neither a receipt nor a court's bundle"), `a file that is neither: ${found}: ${text}`);
});

// Nodes that do not show the same: one behind, one that cannot be reached, one whose signed text was changed, one that shows another
// tree below signatures that hold.
const atThird = (path, body) => async (page) => page.route(`${plan.nodes[2]}${path}`, (route) => route.fulfill({ body, headers: { "Access-Control-Allow-Origin": "*" } }));
const changedRoot = plan.checkpoint.split("\n").map((line, at) => (at === 2 ? btoa("x".repeat(32)) : line)).join("\n");
for (const [name, meddle, verdicts, sentence] of [
  ["behind", atThird("/checkpoint", plan.older), "verified", "entries behind"],
  ["silent", async (page) => page.route(`${plan.nodes[2]}/**`, (route) => route.abort()), "verified", "does not answer"],
  ["changed", atThird("/checkpoint", changedRoot), "refuted", plan.nodes[2]],
  ["another tree", async (page) => {
    await atThird("/checkpoint", plan.older)(page);
    // The larger checkpoint is that of the first or second node; its tiles no longer lead to what the third has shown.
    await page.route(/\/tile\/0\//, async (route) => {
      const answer = await route.fetch();
      const body = await answer.body();
      body[40] ^= 1;
      await route.fulfill({ response: answer, body });
    });
  }, "refuted", `${plan.nodes[0]}: The node's files`],
]) {
  await open({}, async (page) => {
    await meddle(page);
    await page.goto(`${plan.nodes[0]}/en/verify`);
    await form(page, { "nodes-list": plan.nodes.join("\n"), election: plan.election });
    await page.click("#compare");
    const [found, text] = await verdict(page);
    expect(found === verdicts && text.includes(sentence), `comparison, a node ${name}: ${found}: ${text}`);
    await page.screenshot({ path: `${out}/en-compared-${name.replaceAll(" ", "-")}.png`, fullPage: true });
  });
}

// A node that lies: the browser sees its bytes changed on the way.
for (const [name, url, change] of [
  ["an entry", /\/tile\/entries\//, (body) => {
    let at = 0;
    for (let leaf = 0; leaf < plan.hand_protocol % 256; leaf++) at += 2 + body.readUInt16BE(at);
    body[at + 2 + (body.readUInt16BE(at) >> 1)] ^= 1;
    return body;
  }],
  ["a tile", /\/tile\/0\//, (body) => { body[3] ^= 1; return body; }],
  ["a checkpoint's size", /\/checkpoint$/, (body) => Buffer.from(body.toString().replace(/\n(\d+)\n/, (_, size) => `\n${Number(size) - 1}\n`))],
  ["the genesis record", /\/api\/v1\/genesis/, (body) => { body[body.length >> 1] ^= 1; return body; }],
]) {
  await open({}, async (page) => {
    await page.route(url, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: change(await answer.body()) });
    });
    await page.goto(`${plan.nodes[0]}/en/verify`);
    await form(page, { leaf: String(plan.hand_protocol), election: plan.election });
    await page.click("#verify-leaf");
    const [found, text] = await verdict(page);
    expect(found === "refuted", `${name} changed on the way: ${found}: ${text}`);
  });
}

// Another history than the one this browser has seen: never a quiet success.
await open({}, async (page) => {
  await page.goto(`${plan.nodes[0]}/en/verify`);
  await page.evaluate(([id, size, note]) => {
    const lines = note.split("\n");
    [lines[1], lines[2]] = [String(size), btoa("x".repeat(32))];
    localStorage.setItem(`tamga:${id}`, JSON.stringify({ size, note: lines.join("\n") }));
  }, [plan.election, 5, plan.checkpoint]);
  await form(page, { leaf: String(plan.hand_protocol), election: plan.election });
  await page.click("#verify-leaf");
  const [found, text] = await verdict(page);
  expect(found === "refuted" && text.includes("TWO DIFFERENT"), `two histories: ${found}: ${text}`);
});

// One's own identification: there, or proven not to be; the code never leaves the browser.
await open({}, async (page) => {
  const asked = [];
  page.on("request", (request) => asked.push(request.url() + (request.postData() ?? "")));
  for (const [tag, sentence] of [...plan.admitted.map((tag) => [tag, "There is an identification"]), ...plan.absent.map((tag) => [tag, "Proven: nobody"])]) {
    await page.goto(`${plan.nodes[2]}/en/verify`);
    await form(page, { tag, election: plan.election });
    await page.click("#verify-tag");
    const [found, text] = await verdict(page);
    expect(found === "verified" && text.includes(sentence), `${sentence} with ${tag}: ${text}`);
    expect(!asked.some((url) => url.includes(tag) || url.includes(tag.slice(0, 32))), "the code was sent");
  }
  await page.screenshot({ path: `${out}/en-own.png`, fullPage: true });
});
await open({}, async (page) => {
  await page.route(/\/admitted\/leaves\//, async (route) => {
    const answer = await route.fetch();
    const body = await answer.body();
    body[body.length - 20] ^= 1;
    await route.fulfill({ response: answer, body });
  });
  await page.goto(`${plan.nodes[0]}/en/verify`);
  await form(page, { tag: plan.last_admitted, election: plan.election });
  await page.click("#verify-tag");
  const [found, text] = await verdict(page);
  expect(found === "refuted", `a bucket changed on the way: ${found}: ${text}`);
});

// The saved page, without a network, from a file.
await open({ acceptDownloads: true, locale: "ru" }, async (page, context) => {
  const saved = await page.request.get(`${plan.nodes[0]}/ru/verify.html`);
  writeFileSync(`${out}/tamga-verify.html`, await saved.body());
  await context.setOffline(true);
  await page.goto(`file://${out}/tamga-verify.html`);
  await form(page, { receipt: plan.receipt, election: plan.election });
  await page.setInputFiles("#genesis-file", plan.genesis_file);
  await page.click("#verify-receipt");
  let [found, text] = await verdict(page);
  expect(found === "verified", `saved page: ${found}: ${text}`);
  await page.screenshot({ path: `${out}/ru-saved-offline.png`, fullPage: true });
  await form(page, { receipt: plan.forged.entry });
  await page.click("#verify-receipt");
  [found, text] = await verdict(page);
  expect(found === "refuted", `saved page, forged: ${found}: ${text}`);
  await page.setInputFiles("#genesis-file", []);
  await page.setInputFiles("#receipt-file", plan.court.good.station);
  await page.click("#verify-receipt");
  [found, text] = await verdict(page);
  expect(found === "verified", `saved page, bundle: ${found}: ${text}`);
  await page.screenshot({ path: `${out}/ru-saved-court.png`, fullPage: true });
  await page.setInputFiles("#receipt-file", plan.court.wrong["one bit of an entry"]);
  await page.click("#verify-receipt");
  [found, text] = await verdict(page);
  expect(found === "refuted", `saved page, bundle with one bit changed: ${found}: ${text}`);
});

// A page that is left open: a protocol comes in, the page says so in its language and shows it, without being loaded again.
await open({ locale: "ky", viewport: PHONE }, async (page) => {
  await page.goto(`${plan.nodes[0]}/ky/stations/1`);
  const before = Number(await page.getAttribute("#checkpoint", "data-size"));
  await page.evaluate(() => { window.untouched = true; });
  expect((await page.innerText("#news")) === "", "nothing is new yet");
  writeFileSync(plan.waiting, "");
  await page.waitForFunction(() => document.querySelector("#news").innerText !== "", null, { timeout: 60000 });
  const news = await page.innerText("#news");
  expect(news.startsWith("Протокол (") && news.includes("1/1"), `news: ${news}`);
  expect((await page.getAttribute("#news a", "href")) === "/ky/stations/1", "the news lead to the station");
  const leaf = await page.getAttribute("#news", "data-leaf");
  await page.waitForSelector(`main a[href="/ky/records/${leaf}"]`, { timeout: 60000 });
  expect(Number(await page.getAttribute("#checkpoint", "data-size")) > before, "the page holds at a later checkpoint");
  expect(await page.evaluate(() => window.untouched === true), "the page was not loaded again");
  await accessible(page, "a page with news");
  await page.screenshot({ path: `${out}/ky-news.png`, fullPage: true });
});

await browser.close();
console.log(`${checks} checks, ${failures.length} failed`);
process.exit(failures.length > 0 ? 1 : 0);
