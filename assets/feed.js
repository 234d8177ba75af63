// The history feed, the stage's head and the header's pills: drawn from the event stream.
// All foreign text goes through textContent.
const root = element.querySelector("#feed") ?? element;
kling.feed?.abort(); // should Gradio run this again, what ran before ends
const life = kling.feed = new AbortController();
const tasks = new Map(); // id → card
const nodes = new Map(); // id → {card, …}
let heard = false, picked = null, shown = "", filter = "all", cursor = "", skew = 0, summary = {};
const $ = (id) => document.getElementById(id);
const say = kling.say;

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// ── what is where ────────────────────────────────────────────────────────────────────────────
const wall = make("div", { className: "wall" });
const empty = make("p", { className: "empty", hidden: true });
const older = make("button", { type: "button", className: "pill", hidden: true, textContent: say("older") });
const live = make("div", { className: "sr-only" });
live.setAttribute("aria-live", "polite");
const filters = ["all", "running", "failed"].map((name) => {
  const button = make("button", { type: "button", className: "pill" });
  button.onclick = () => { filter = name; drawAll(); };
  return [name, button];
});
const bar = make("div", { className: "bar" }, make("h2", { textContent: say("history") }),
  ...filters.map(([, button]) => button));
root.replaceChildren(bar, wall, empty, older, live);

// ── words ────────────────────────────────────────────────────────────────────────────────────
const now = () => Date.now() / 1000 + skew;
const seconds = (from, to) => Math.max(0, Math.round((to ?? now()) - from));
const stateWord = (task) => kling.words.state[task.state] ?? task.state;
const tone = (task) => ({
  succeeded: "ok", failed: "err", rejected: "err", expired: "warn", unconfirmed: "warn",
  queued: "wait", cancelled: "wait",
}[task.state] ?? "run");

function stateText(task) {
  const timed = ["sending", "submitted", "processing", "saving", "stalled"].includes(task.state);
  if (timed && task.sent) return `${stateWord(task)} · ${say("seconds", { n: seconds(task.sent) })}`;
  if (task.state === "succeeded" && task.sent) {
    return `${stateWord(task)} · ${say("seconds", { n: seconds(task.sent, task.ended) })}`;
  }
  return stateWord(task);
}

function ago(at) {
  const age = now() - at;
  if (age < 60) return say("just_now");
  if (age < 3600) return say("minutes_ago", { n: Math.floor(age / 60) });
  if (age < 86400) return say("hours_ago", { n: Math.floor(age / 3600) });
  return age < 2 * 86400 ? say("yesterday") : say("days_ago", { n: Math.floor(age / 86400) });
}

function aside(task) {
  if (task.trouble) return task.trouble.charged || task.trouble.title;
  if (!task.over) return task.usual ? say("usually", { n: Math.round(task.usual) }) : "";
  return ago(task.created);
}

const images = (n) => (n === 1 ? say("images_one") : say("images", { n }));
const meta = (task) => [task.request.model_name, task.request.aspect_ratio, images(task.n), task.price]
  .filter(Boolean).join(" · ");
function shape(task) { // width and height: of the pictures once they are here, as asked until then
  if (task?.pictures.length) return [task.pictures[0].w, task.pictures[0].h];
  const [w, h] = (task?.request.aspect_ratio ?? "3:2").split(":").map(Number);
  return w > 0 && h > 0 ? [w, h] : [1, 1];
}
const link = (id, side) => `${kling.routes}/pictures/${id}${side ? `/${side}` : ""}`;

// ── cards ────────────────────────────────────────────────────────────────────────────────────
function build(task) {
  const mosaic = make("div", { className: "mosaic" });
  const state = make("span", { className: "state" });
  const side = make("span", { className: "meta" });
  const prompt = make("span", { className: "prompt" });
  const card = make("button", { type: "button", className: "card" }, mosaic,
    make("span", { className: "line" }, state, side), prompt);
  card.onclick = () => select(task.id);
  return { card, mosaic, state, side, prompt, drawn: "" };
}

function tiles(task) {
  if (task.over && !task.pictures.length) {
    return [make("span", { className: "trouble", textContent: task.trouble?.title ?? stateWord(task) })];
  }
  if (task.state === "unconfirmed") {
    return [make("span", { className: "trouble", textContent: task.trouble?.title ?? stateWord(task) })];
  }
  const count = task.over ? task.pictures.length : Math.max(task.n, task.pictures.length);
  return Array.from({ length: Math.min(count, 4) }, (_, index) => {
    const picture = task.pictures[index];
    if (!picture) return make("span", { className: "tile waiting" });
    const alt = say("picture_of", { n: index + 1, prompt: task.request.prompt ?? "" });
    const tile = make("img", { className: "tile", loading: "lazy", decoding: "async", alt,
      width: picture.w, height: picture.h });
    tile.src = link(picture.id, 480);
    return tile;
  });
}

function draw(task) {
  const node = nodes.get(task.id) ?? nodes.set(task.id, build(task)).get(task.id);
  const key = JSON.stringify([task.pictures, task.over, task.state === "unconfirmed", task.trouble?.title]);
  if (node.drawn !== key) {
    node.drawn = key;
    const inside = tiles(task);
    node.mosaic.dataset.count = inside.length;
    node.mosaic.dataset.more = Math.max(task.pictures.length, task.over ? 0 : task.n) - 4;
    node.mosaic.replaceChildren(...inside);
  }
  node.prompt.textContent = task.request.prompt ?? "";
  node.card.title = task.request.prompt ?? "";
  node.card.setAttribute("aria-label",
    `${say("show_task", { prompt: task.request.prompt ?? "" })} · ${stateWord(task)}`);
  tick(task, node);
  return node.card;
}

function tick(task, node) {
  set(node.state, stateText(task));
  node.state.className = `state ${tone(task)}`;
  set(node.side, aside(task));
}

function set(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

const matches = (task) => filter === "all" || (filter === "running" ? !task.over
  : ["failed", "rejected", "expired", "unconfirmed"].includes(task.state));

function drawAll() {
  const list = [...tasks.values()].filter(matches).sort((a, b) => b.created - a.created);
  const cards = list.map(draw);
  cards.forEach((card, index) => {
    if (wall.children[index] !== card) wall.insertBefore(card, wall.children[index] ?? null);
  });
  while (wall.children.length > cards.length) wall.lastChild.remove();
  for (const [name, button] of filters) {
    const words = { all: say("all"), running: say("filter_running"), failed: say("filter_failed") }[name];
    set(button, name === "running" && summary.running ? `${words} ${summary.running}` : words);
    button.classList.toggle("on", filter === name);
    button.setAttribute("aria-pressed", String(filter === name));
  }
  older.hidden = !cursor;
  empty.hidden = cards.length > 0;
  set(empty, tasks.size ? say("nothing_here") : say("nothing_yet"));
  drawStage();
}

// ── the stage ────────────────────────────────────────────────────────────────────────────────
const newest = () => [...tasks.values()].reduce((a, b) => (!a || b.created > a.created ? b : a), null);
const current = () => tasks.get(picked) ?? newest();
kling.selected = () => current()?.id ?? "";
function select(id) {
  picked = id;
  drawAll();
  $("stage")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
}
kling.showNewest = () => { picked = null; drawAll(); };
kling.confirmed = () => (confirm(kling.words.delete_really) ? kling.selected() : "");

const ACTIONS = (task) => {
  if (!task) return [];
  const list = ["settings"];
  if (task.pictures.length) list.push("download");
  if (["unconfirmed", "stalled"].includes(task.state)) list.push("look");
  if (task.state === "queued") list.push("cancel");
  if (task.state === "queued" && task.case === "held") list.push("release");
  return [...list, "details", ...(task.over ? ["delete"] : [])];
};

function drawStage() {
  const task = current();
  const stage = $("stage"), head = $("stage-head");
  if (!stage || !head) return;
  stage.dataset.actions = ACTIONS(task).join(" ");
  shape(task).forEach((side, index) => stage.style.setProperty(index ? "--ratio-h" : "--ratio-w", side));
  stage.classList.toggle("bare", Boolean(task?.over && !task.pictures.length));
  for (const [id, node] of nodes) node.card.classList.toggle("selected", id === task?.id);
  drawHead(head, task);
  drawDetails(task);
  showPictures(task);
}

// One question at a time: answers of two could come in the wrong order, and show a task's pictures
// under another's name.
let shownTask = null, asking = null, showingLate = null;
function showPictures(task) {
  const key = task ? [task.id, task.pictures.map((one) => one.id).join(), task.over].join("|") : "examples";
  $("stage").classList.toggle("stale", shownTask !== (task?.id ?? ""));
  if (!heard || key === shown || asking !== null) return;
  asking = key;
  closePreview();
  showingLate = setTimeout(kling.showed, 5000);
  trigger("show", { task_id: task?.id ?? "" });
}
kling.showed = () => { // the gallery has what was asked for
  clearTimeout(showingLate);
  if (asking === null) return;
  [shown, asking] = [asking, null];
  shownTask = shown === "examples" ? "" : shown.split("|")[0];
  drawStage();
};

function closePreview() {
  const escape = new KeyboardEvent("keydown", { key: "Escape", code: "Escape", bubbles: true });
  document.querySelector("#stage-gallery .preview")?.dispatchEvent(escape);
}

function drawHead(head, task) {
  if (!task) {
    head.replaceChildren(
      make("span", { className: "state wait", textContent: say("example") }),
      make("b", { textContent: say("examples_title") }),
      make("span", { className: "meta", textContent: say("examples_meta") }));
    return;
  }
  const title = task.request.prompt ?? "";
  const trouble = task.trouble && make("p", { className: `notice ${tone(task)}` },
    make("b", { textContent: task.trouble.title + (kling.lang === "zh" ? "。" : ".") }),
    ` ${task.trouble.advice} `,
    task.trouble.charged ? make("span", { className: "charged", textContent: task.trouble.charged }) : null,
    task.trouble.detail ? make("span", { className: "said", textContent: task.trouble.detail }) : null);
  head.replaceChildren(
    make("span", { className: `state ${tone(task)}`, id: "stage-state", textContent: stateText(task) }),
    make("b", { textContent: title, title }),
    make("span", { className: "meta", textContent: meta(task) }),
    ...(trouble ? [trouble] : []),
    ...(task.usual && !task.over && !trouble ? [make("span", { className: "meta", textContent: say("usually", { n: Math.round(task.usual) }) })] : []));
}

let detailed = false;
kling.details = () => { detailed = !detailed; drawDetails(current()); };
function drawDetails(task) {
  const box = $("stage-details");
  if (!box) return;
  box.hidden = !detailed || !task;
  if (box.hidden) return;
  const rows = [
    ...["task_id", "external_task_id", "request_id"].map((name) => [say(name), task.ids[name]]),
    [say("estimate_label"), task.price], [say("deduction"), kling.live ? task.deduction : ""],
    [say("request"), JSON.stringify(task.request, null, 2)],
  ].filter(([, value]) => value);
  box.replaceChildren(make("dl", {}, ...rows.flatMap(([name, value]) =>
    [make("dt", { textContent: name }), make("dd", { textContent: value })])));
}

kling.download = async () => {
  const task = current();
  for (const picture of task ? [...task.pictures, ...task.watermarked] : []) {
    const anchor = make("a", { href: `${link(picture.id)}?download`, download: "" });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    await new Promise((done) => setTimeout(done, 300));
  }
};

// ── the header and the banner ────────────────────────────────────────────────────────────────
function drawHeader() {
  const account = $("pill-account");
  if (!account) return;
  account.classList.toggle("live", kling.live);
  set(account.lastElementChild, kling.live ? `${say("live")} · ${kling.host}` : say("demo"));
  const running = $("pill-running"), spent = $("pill-spent");
  running.hidden = !summary.running;
  set(running, say("running", { n: summary.running ?? 0 }));
  spent.hidden = !summary.spent?.length;
  set(spent, say("today", { amount: (summary.spent ?? []).join(" + ") }));
  spent.title = say(kling.live ? "today_live" : "today_demo");
  set($("app-title"), say("title"));
  document.title = say("title");
  $("pill-language").title = say("switch_language");
  $("pill-language").setAttribute("aria-label", say("switch_language"));
  $("pill-theme").title = say("theme");
  $("pill-theme").setAttribute("aria-label", say("theme"));
}

function banner(kind, text) {
  const box = $("banner");
  if (!box) return;
  box.hidden = !text;
  box.className = kind;
  set(box, text ?? "");
}
const usualBanner = () => banner(kling.banner?.kind ?? "", kling.banner?.text ?? "");

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#pill-language")) {
    const wish = kling.lang === "zh" ? "en" : "zh";
    // in a Space's frame a cookie is kept only if it is the frame's own
    const site = location.protocol === "https:" ? "secure;samesite=none;partitioned" : "samesite=lax";
    document.cookie = `kling_language=${wish};path=/;max-age=31536000;${site}`;
    location.reload();
  } else if (event.target.closest?.("#pill-theme")) {
    kling.stored.set("theme", kling.dark() ? "light" : "dark");
    kling.paintTheme();
  }
}, { signal: life.signal });

// ── the stream ───────────────────────────────────────────────────────────────────────────────
function take(message) {
  for (const task of message.tasks) {
    const before = tasks.get(task.id);
    if (before && before.revision > task.revision) continue; // an older page came late
    if (before && before.state !== task.state) {
      live.textContent = `${stateWord(task)}: ${task.request.prompt ?? ""}`;
    }
    tasks.set(task.id, task);
  }
  for (const id of message.gone ?? []) {
    tasks.delete(id);
    nodes.get(id)?.card.remove();
    nodes.delete(id);
  }
}

const HEAR = {
  page(message) {
    tasks.clear();
    nodes.clear();
    wall.replaceChildren();
    heard = true;
    cursor = message.older;
    hear(message);
  },
  changes: hear,
};

let stream = null, lost = null, last = "";
life.signal.addEventListener("abort", () => stream?.close());
function listen(pause = 1000) {
  if (life.signal.aborted) return;
  stream = new EventSource(`${kling.routes}/events?since=${last}`);
  for (const [name, take] of Object.entries(HEAR)) {
    stream.addEventListener(name, (event) => {
      last = event.lastEventId;
      take(JSON.parse(event.data));
    });
  }
  stream.onopen = () => { pause = 1000; clearTimeout(lost); lost = null; usualBanner(); };
  stream.onerror = () => {
    lost ??= setTimeout(() => banner("error", say("offline")), 3000);
    if (stream.readyState === EventSource.CLOSED) again(pause);
  };
}

function again(pause) { // a browser gives up for good on any answer but 200
  setTimeout(() => listen(Math.min(2 * pause, 30000)), pause);
  sayWhy();
}

async function sayWhy() { // an EventSource does not tell
  const answer = await fetch(`${kling.routes}/tasks?before=0-${"0".repeat(32)}`).catch(() => null);
  if (answer?.status !== 403 || lost === null) return;
  clearTimeout(lost);
  banner("error", say("no_owner"));
  heard = true; // there is nothing to hear: the examples may show
  drawAll();
}

function hear(message) {
  skew = message.now - Date.now() / 1000;
  summary = message;
  take(message);
  drawHeader();
  drawAll();
}

older.onclick = async () => {
  const answer = await fetch(`${kling.routes}/tasks?before=${cursor}`).catch(() => null);
  if (!answer?.ok) return;
  const page = await answer.json();
  take(page);
  cursor = page.older;
  drawAll();
};

const clock = setInterval(() => {
  for (const [id, node] of nodes) if (node.card.isConnected) tick(tasks.get(id), node);
  const task = current();
  if (task) set($("stage-state"), stateText(task));
}, 1000);

life.signal.addEventListener("abort", () => clearInterval(clock));

drawHeader();
usualBanner();
drawAll();
listen();
