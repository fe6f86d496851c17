// Puts the new page in place of the old one when a checkpoint is published, and says which protocol has just come in. Without it
// nothing is missing: reload the page.
"use strict";
(() => {
  const PAUSE_MS = 15000;
  const sizeOf = (root) => root.querySelector("#checkpoint")?.dataset.size;
  let size;
  let tag;

  async function refresh() {
    if (document.hidden) return;
    // Whoever reads, writes or verifies just now is not disturbed.
    const main = document.querySelector("#main");
    if (main.contains(document.activeElement) && document.activeElement !== main) return;
    if (document.querySelector(".verify, #verify-form, details[open]")) return;
    const answer = await fetch(location.href, { headers: tag ? { "If-None-Match": tag } : {} });
    if (answer.status !== 200) return;
    tag = answer.headers.get("ETag");
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const found = sizeOf(page);
    if (found === undefined || found === size) return;
    size = found;
    main.replaceChildren(...page.querySelector("#main").childNodes);
  }

  // One line above the page: what came last, and where it stands.
  function announce(line) {
    const news = document.querySelector("#news");
    if (!news || line.station === null) return;
    const words = news.dataset;
    const link = document.createElement("a");
    link.href = `/${document.documentElement.lang}/stations/${line.station}`;
    link.textContent = `${words.station} ${line.station}/${line.unit}`;
    news.replaceChildren(`${words.protocol} (${words[line.what] ?? line.what}): `, link);
    news.dataset.leaf = line.leaf;
  }

  document.addEventListener("DOMContentLoaded", () => {
    size = sizeOf(document);
    if (size === undefined) return;
    const soon = () => refresh().catch(() => {});
    const lively = () => setTimeout(soon, Math.random() * 2000);
    if (document.body.dataset.events) {
      const source = new EventSource(document.body.dataset.events);
      source.addEventListener("checkpoint", lively);
      source.addEventListener("protocol", (message) => announce(JSON.parse(message.data)));
    } else {
      setInterval(soon, PAUSE_MS);
    }
  });
})();
