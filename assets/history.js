// The history: a card for each task of the view, drawn when it changes and never all at once.
const root = element.querySelector("#feed") ?? element;
const nodes = new Map(); // key → {card, …}; `at` is its place, null where the view has none for it
const stirring = new Set(); // keys of shown cards whose seconds are counted
let dirty = new Set(); // keys of cards that something changed of
let order = []; // nodes as they stand, newest first
let heard = false;

// ── what is where ────────────────────────────────────────────────────────────────────────────
const wall = make("div", { className: "wall" });
const empty = make("p", { className: "empty", hidden: true });
const older = make("button", { type: "button", className: "pill", hidden: true });
const live = make("div", { className: "sr-only", "aria-live": "polite" });
const search = make("input", { type: "search", id: "history-search", maxLength: 200,
  autocomplete: "off", spellcheck: false, placeholder: say("search"), "aria-label": say("search_label") });
const filters = Object.keys(FITS).map((name) => {
  const button = make("button", { type: "button", className: "pill" });
  button.onclick = () => show(viewOf(name, search.value));
  return [name, button];
});
const bar = make("div", { className: "bar" }, make("h2", { textContent: say("history") }), search,
  ...filters.map(([, button]) => button));
root.replaceChildren(bar, wall, empty, older, live);

// ── cards ────────────────────────────────────────────────────────────────────────────────────
function build(key) {
  const mosaic = make("div", { className: "mosaic" });
  const star = make("span", { className: "star", textContent: "★", hidden: true, "aria-hidden": "true" });
  const state = make("span", { className: "state" });
  const side = make("span", { className: "meta" });
  const prompt = make("span", { className: "prompt" });
  const card = make("button", { type: "button", className: "card" }, mosaic, star,
    make("span", { className: "line" }, state, side), prompt);
  card.onclick = (event) => {
    if (choosing) return pick(key, event.shiftKey);
    select(key);
    const wanted = event.target.closest(".do")?.dataset.action;
    if (wanted && actions(current()).includes(wanted)) $(`act-${wanted}`)?.click();
  };
  const node = { key, card, mosaic, star, state, side, prompt, drawn: "", at: null, stale: true };
  nodes.set(key, node);
  return node;
}

const LIVELY = ["processing", "saving", "submitted", "sending", "stalled", "queued",
  "unconfirmed", "failed", "rejected", "expired", "cancelled", "succeeded"];
const leading = (cells) => cells.reduce((a, b) => // the one whose state is its comparison's
  (LIVELY.indexOf(b.state) < LIVELY.indexOf(a.state) ? b : a));

function draw(node) {
  const group = node.key.startsWith("g:") ? groupAt(node.key) : null;
  const cells = group ?? [tasks.get(node.key)];
  Object.assign(node, { lead: leading(cells), group, stale: false });
  drawMosaic(node, cells);
  const name = title(cells[0]), starred = cells.some((task) => task.starred);
  set(node.prompt, name);
  node.prompt.classList.toggle("found", cells[0].found);
  node.star.hidden = !starred;
  node.card.classList.toggle("group", Boolean(group));
  node.card.title = name;
  const says = [say(group ? "show_group" : "show_task", { prompt: name }), stateWord(node.lead),
    ...(starred ? [say("is_starred")] : [])];
  node.card.setAttribute("aria-label", says.join(" · "));
  stirring[node.lead.over || node.at === null ? "delete" : "add"](node.key);
  tick(node);
  markChosen(node);
}

function drawMosaic(node, cells) {
  const key = JSON.stringify(cells.map((task) => [task.pictures, shownOf(task).length, task.over, task.trouble?.title,
    nothingToShow(task), offer(task)]));
  if (node.drawn === key) return;
  node.drawn = key;
  const places = node.group ? cells.map((task) => [task, task.pictures[0]]) : placesOf(cells[0]);
  const inside = cells.every(nothingToShow) ? [trouble(node.lead, !node.group)] : places.slice(0, 4).map(kept(node.mosaic));
  node.mosaic.dataset.count = inside.length;
  node.mosaic.dataset.more = Math.max(places.length - 4, 0) || "";
  node.mosaic.replaceChildren(...inside);
}

function placesOf(task) { // while it runs each picture has its own place
  if (task.over) return task.pictures.map((picture, index) => [task, picture, index + 1]);
  const came = new Map(task.pictures.map((picture) => [picture.position, picture]));
  const count = Math.max(task.n, task.pictures.length);
  return Array.from({ length: count }, (_, index) => [task, came.get(index), index + 1]);
}

const offer = (task) => primary(task, actions(task)); // what a card offers to do; the stage has all

function trouble(task, offering = false) {
  const words = make("span", { className: "trouble",
    textContent: task.trouble?.title ?? (task.pictures.length ? say("gone") : stateWord(task)) });
  const action = offering && offer(task);
  if (!action) return words;
  words.append(kling.lang === "zh" ? "。" : ". ", make("u", { className: "do", textContent: kling.words.act[action] }));
  words.lastChild.dataset.action = action;
  return words;
}

// A tile that is there already stays: made anew it would blink.
const kept = (mosaic) => ([task, picture, number = 1]) => [...mosaic.children].find((one) =>
  picture && !filesGone.has(picture.id) && one.dataset.place === `${picture.id} ${number}`) ?? tile([task, picture, number]);

function tile([task, picture, number = 1]) {
  if (filesGone.has(picture?.id)) return make("span", { className: "tile none" });
  if (!picture) return make("span", { className: nothingToShow(task) ? "tile none" : "tile waiting" });
  const alt = say("picture_of", { n: number, prompt: title(task) });
  const image = make("img", { className: "tile", loading: "lazy", decoding: "async", alt,
    width: picture.w, height: picture.h });
  image.dataset.place = `${picture.id} ${number}`;
  image.src = link(picture.id, 480);
  image.onerror = () => missed(task, picture, image.src);
  return image;
}

async function missed(task, picture, address) { // gone, or only not reached?
  const answer = await fetch(address, { method: "HEAD" }).catch(() => null);
  if (answer?.status !== 404 || filesGone.has(picture.id)) return;
  filesGone.add(picture.id);
  dirty.add(keyOf(task));
  drawAll();
}

function tick({ state, side, lead, group }) {
  const made = group?.filter((task) => task.state === "succeeded").length;
  const mixed = made && made < group.length && group.every((task) => task.over);
  set(state, mixed ? say("cells", { n: made, of: group.length }) : stateText(lead));
  state.className = `state ${mixed ? "warn" : tone(lead)}`;
  set(side, group ? images(group.reduce((sum, task) => sum + task.n, 0)) : aside(lead));
}

// ── the wall ─────────────────────────────────────────────────────────────────────────────────
const before = (a, b) => a.at > b.at || (a.at === b.at && a.key < b.key);

function placeIn(node) {
  let low = 0, high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (before(order[middle], node)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function settle(key) { // one card: in its place, as it is now
  const at = placeAt(key), node = nodes.get(key) ?? (at === null ? null : build(key));
  if (!node) return;
  if (node.at !== at) {
    if (node.at !== null) leave(node);
    if (at !== null) stand(node, at);
  }
  if (at === null) putAside(node);
  else draw(node);
}

function stand(node, at) {
  node.at = at;
  const index = placeIn(node);
  wall.insertBefore(node.card, order[index]?.card ?? null);
  order.splice(index, 0, node);
}

function leave(node) {
  order.splice(placeIn(node), 1);
  node.at = null;
  node.card.remove();
}

function putAside(node) { // another view may show it
  node.stale = true;
  stirring.delete(node.key);
  chosen.delete(node.key);
  if (!tasksAt(node.key).length) nodes.delete(node.key);
}

function layOut() { // another view, or everything anew
  for (const node of order) node.at = null;
  stirring.clear();
  dirty.clear();
  order = [];
  for (const key of new Set([...tasks.values()].map(keyOf))) {
    const at = placeAt(key);
    if (at !== null) order.push(Object.assign(nodes.get(key) ?? build(key), { at }));
  }
  order.sort((a, b) => (before(a, b) ? -1 : 1));
  for (const node of order) if (node.stale || !node.lead.over) draw(node);
  wall.replaceChildren(...order.map((node) => node.card));
  chosen.forEach((key) => { if (nodes.get(key)?.at == null) chosen.delete(key); });
  order.forEach(markChosen);
}

function drawAll() {
  const changed = dirty;
  dirty = new Set();
  changed.forEach(settle);
  drawBar();
  drawBottom();
  drawChoice();
  drawStage();
}

function drawBar() {
  const blank = heard && !tasks.size && !view.cursor && !view.only && !view.words.length;
  bar.classList.toggle("blank", blank); // nothing to look through yet
  const words = { "": say("all"), running: say("filter_running"), starred: say("filter_starred"),
    failed: say("filter_failed") };
  for (const [name, button] of filters) {
    set(button, name === "running" && summary.running ? `${words[name]} ${summary.running}` : words[name]);
    button.classList.toggle("on", view.only === name);
    button.setAttribute("aria-pressed", String(view.only === name));
  }
}

function drawBottom() {
  older.hidden = !view.cursor;
  older.disabled = Boolean(view.loading);
  set(older, say(view.loading ? "loading_older" : view.failed ? "not_loaded" : "older"));
  empty.hidden = order.length > 0;
  set(empty, nothing());
}

function nothing() {
  if (view.cursor && !view.failed) return say("searching");
  if (view.words.length) return say("no_match", { query: view.query.trim() });
  return say(view.only ? `no_${view.only}` : "nothing_yet");
}

// ── another view, and what is older ──────────────────────────────────────────────────────────
function show(next) {
  if (next === view) return;
  view = next;
  layOut();
  drawAll();
  watchBottom();
}

let pause = null; // until nothing was typed for a moment
const look = () => show(viewOf(view.only, search.value));
const typed = (event) => {
  clearTimeout(pause);
  if (!event.isComposing) pause = setTimeout(look, 250);
};
search.addEventListener("input", typed);
search.addEventListener("compositionend", () => typed({ isComposing: false }));
search.onkeydown = (event) => {
  if (event.key !== "Escape" || event.isComposing || !search.value) return;
  event.stopPropagation();
  search.value = "";
  look();
};

async function ask(address) { // null where there is no answer to use
  const answer = await fetch(address).catch(() => null);
  return answer?.ok ? answer.json().catch(() => null) : null;
}

async function showOlder() {
  const asked = view, { cursor } = view, of = views;
  if (!cursor || asked.loading) return;
  asked.loading = true;
  drawBottom();
  const page = await ask(address(asked, cursor));
  Object.assign(asked, { loading: false, failed: !page });
  if (of !== views) return; // everything was told anew meanwhile
  if (page) extend(asked, page);
  drawAll();
  if (page) watchBottom();
}

function extend(asked, page) {
  asked.cursor = page.older;
  take(page, { whole: true });
  for (const task of tasks.values()) if (nodes.get(keyOf(task))?.at == null) dirty.add(keyOf(task));
}

older.onclick = showOlder;
const bottom = new IntersectionObserver((seen) => {
  if (seen.at(-1).isIntersecting && !view.failed) showOlder();
}, { rootMargin: "800px 0px" });

function watchBottom() { // it is told of again, should it be in sight still
  bottom.unobserve(older);
  bottom.observe(older);
}
watchBottom();
life.signal.addEventListener("abort", () => bottom.disconnect());

// ── the clock ────────────────────────────────────────────────────────────────────────────────
let beats = 0;
const clock = setInterval(() => {
  for (const key of stirring) tick(nodes.get(key));
  if (++beats % 60 === 0) order.forEach(tick);
  const task = current();
  if (task) set($("stage-state"), stateText(task));
  else if (comparison()) tickGrid(gridOf(comparison()));
}, 1000);
life.signal.addEventListener("abort", () => clearInterval(clock));
