// Opens pages of a site in Chromium and prints, as one JSON object, what is wrong with them and how much was looked at.
//
//     node pages.mjs MODULES CHROMIUM ADDRESS < paths.json
//
// Each page is opened on a wide light screen, on a narrow dark one, and without scripts. Of pages with rows of files alone the first
// one is, and the others only on the wide screen: they differ in their rows.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import process from "node:process";

const [modules, executablePath, address] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const paths = JSON.parse(readFileSync(0, "utf8"));
const problems = [];
const done = { pages: 0, links: 0, rules: 0, sorted: 0, filtered: 0 };
const links = new Map();

// Reports what a page of this context does that no reader should see.
function watch(page, what) {
  const says = (kind) => (why) => problems.push(`${kind}: ${what()}: ${why}`);
  page.on("console", (message) => says("console")(message.text()));
  page.on("pageerror", (error) => says("script")(error.message));
  page.on("requestfailed", (request) => says("request")(`${request.url()} ${request.failure()?.errorText}`));
  page.on("response", (answer) => answer.status() >= 400 && says("status")(`${answer.url()} ${answer.status()}`));
  page.on("request", (request) => request.url().startsWith(address) || says("elsewhere")(request.url()));
}

// Structure, names, contrast: every rule of axe that a machine can decide.
async function accessible(page, path, rules) {
  await page.evaluate(axe);
  const options = rules ? { runOnly: { type: "rule", values: rules } } : {};
  const found = await page.evaluate((options) => globalThis.axe.run(document, options), options);
  done.rules = Math.max(done.rules, found.passes.length);
  for (const one of found.violations) problems.push(`axe: ${path}: ${one.id}: ${one.nodes[0].html} ${one.nodes[0].failureSummary}`);
}

// Clicks each head of a table twice, and compares the order of the rows with what their cells hold.
async function sorts(page, path) {
  const wrong = await page.evaluate(() => {
    const wrong = [];
    let sorted = 0;
    for (const table of document.querySelectorAll("table.sortable")) {
      const rows = () => Array.from(table.tBodies[0].rows);
      const before = rows();
      Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
        const value = (row) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
        const isNumber = before.every((row) => /^\d+$/.test(value(row)));
        const fits = (a, b) => (isNumber ? Number(a) <= Number(b) : a.localeCompare(b, "en", { numeric: true }) <= 0);
        for (const order of ["ascending", "descending"]) {
          head.querySelector("button").click();
          const values = rows().map(value);
          if (order === "descending") values.reverse();
          const is = head.getAttribute("aria-sort");
          if (is !== order || !values.every((one, at) => at === 0 || fits(values[at - 1], one))) wrong.push(`${head.textContent} ${is}`);
          if (new Set(rows()).size !== before.length) wrong.push(`${head.textContent} has other rows`);
          sorted += 1;
        }
      });
    }
    return { wrong, sorted };
  });
  done.sorted += wrong.sorted;
  wrong.wrong.forEach((why) => problems.push(`sort: ${path}: ${why}`));
}

// Types into each filter: the text of one row, a text that none has, and nothing.
async function filters(page, path) {
  for (const label of await page.locator("label.filter").all()) {
    const rows = label.locator("xpath=following-sibling::*[1]//tbody/tr");
    const input = label.locator("input");
    const visible = () =>
      rows.evaluateAll((all) => all.filter((row) => row.getBoundingClientRect().height > 0).map((row) => row.textContent.toLowerCase()));
    const all = (await visible()).length;
    // Of the last row, what the fewest rows have.
    const text = await rows.evaluateAll((all) => {
      const count = (text) => all.filter((row) => row.textContent.toLowerCase().includes(text)).length;
      const texts = Array.from(all.at(-1).cells, (cell) => cell.textContent.trim().toLowerCase()).filter(Boolean);
      return texts.map((text) => [count(text), text]).sort((a, b) => a[0] - b[0])[0][1];
    });
    await input.fill(text);
    const left = await visible();
    const fits = left.length > 0 && left.length < all && left.every((row) => row.includes(text));
    if (!fits) problems.push(`filter: ${path}: ${text} leaves ${left.length} of ${all}`);
    await input.fill("no row has this");
    const none = (await visible()).length === 0 && (await page.getByText("No row has this text.").first().isVisible());
    if (!none) problems.push(`filter: ${path}: a text of no row`);
    await input.fill("");
    if ((await visible()).length !== all) problems.push(`filter: ${path}: rows are missing afterwards`);
    done.filtered += 1;
  }
}

// What a reader sees: the text, and how many rows.
const seen = (page) => page.evaluate(() => ({
  heading: document.querySelector("h1")?.getBoundingClientRect().height ?? 0,
  text: document.querySelector("main")?.innerText.length ?? 0,
  rows: Array.from(document.querySelectorAll("tbody tr")).filter((row) => row.getBoundingClientRect().height > 0).length,
  controls: document.querySelectorAll("button, input").length,
}));

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-dev-shm-usage"] });
let path = "";
const open = async (options) => {
  const page = await (await browser.newContext({ serviceWorkers: "block", ...options })).newPage();
  watch(page, () => path);
  return async (to) => {
    path = to;
    await page.goto(address + path, { waitUntil: "load" });
    return page;
  };
};
const wide = await open({ viewport: { width: 1280, height: 900 }, colorScheme: "light" });
const phone = await open({ viewport: { width: 360, height: 740 }, colorScheme: "dark", isMobile: true, hasTouch: true });
const plain = await open({ viewport: { width: 1280, height: 900 }, javaScriptEnabled: false });
let rowsChecked = false;
for (const to of paths) {
  const isRows = to.includes(".files/");
  const isFirst = !isRows || !rowsChecked;
  rowsChecked ||= isRows;
  const page = await wide(to);
  const first = await seen(page);
  if (!first.heading || !first.text) problems.push(`empty: ${to}`);
  for (const href of await page.evaluate(() => Array.from(document.querySelectorAll("[href], [src]"), (one) => one.href?.baseVal ?? one.href ?? one.src))) {
    const url = new URL(href);
    if (url.origin === new URL(address).origin) links.set(url.href.split("#")[0], to);
    const anchor = decodeURIComponent(url.hash.slice(1));
    if (anchor && url.href.split("#")[0] === page.url() && !(await page.evaluate((id) => document.getElementById(id) !== null, anchor))) problems.push(`link: ${to}: #${anchor}`);
  }
  done.pages += 1;
  if (!isFirst) continue;
  await accessible(page, to);
  await sorts(page, to);
  await filters(page, to);
  const narrow = await phone(to);
  const [scrolls, has] = await narrow.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  if (scrolls > has || has > 360) problems.push(`wide: ${to}: ${scrolls} in ${has}`);
  await accessible(narrow, to, ["color-contrast", "scrollable-region-focusable", "meta-viewport"]);
  const silent = await seen(await plain(to));
  if (!silent.heading || silent.rows !== first.rows || silent.controls || silent.text < first.text * 0.9) problems.push(`without scripts: ${to}: ${JSON.stringify([first, silent])}`);
}
await browser.close();

const left = Array.from(links);
await Promise.all(Array.from({ length: 16 }, async () => {
  for (let next = left.pop(); next; next = left.pop()) {
    const answer = await fetch(next[0], { method: "HEAD" });
    if (!answer.ok) problems.push(`link: ${next[1]}: ${next[0]} ${answer.status}`);
    done.links += 1;
  }
}));
console.log(JSON.stringify({ problems, ...done }));
