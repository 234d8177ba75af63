// The history, the header's pills and the banner: drawn from the event stream.
const root = element.querySelector("#feed") ?? element;
const nodes = new Map(); // id → {card, …}
let heard = false, filter = "all", cursor = "";

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
  if (nothingToShow(task)) {
    return [make("span", { className: "trouble", textContent: task.trouble?.title ?? stateWord(task) })];
  }
  const count = task.over ? task.pictures.length : Math.max(task.n, task.pictures.length);
  return Array.from({ length: Math.min(count, 4) }, (_, index) => {
    const picture = task.pictures[index];
    if (!picture) return make("span", { className: "tile waiting" });
    const alt = say("picture_of", { n: index + 1, prompt: title(task) });
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
  set(node.prompt, title(task));
  node.prompt.classList.toggle("found", task.found);
  node.card.title = title(task);
  node.card.setAttribute("aria-label", `${say("show_task", { prompt: title(task) })} · ${stateWord(task)}`);
  tick(task, node);
  return node.card;
}

function tick(task, node) {
  set(node.state, stateText(task));
  node.state.className = `state ${tone(task)}`;
  set(node.side, aside(task));
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

let lost = ""; // why nothing is heard from the studio
function drawBanner() { // what keeps the page from working goes before what it is for
  const box = $("banner"), usual = kling.banner ?? { kind: "", text: "" };
  if (!box) return;
  const [kind, text] = lost ? ["error", lost]
    : summary.notice ? ["notice", summary.notice] : [usual.kind, usual.text];
  box.hidden = !text;
  box.className = kind;
  set(box, text);
}

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
      live.textContent = `${stateWord(task)}: ${title(task)}`;
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

let stream = null, losing = null, last = "";
const connected = () => stream?.readyState === EventSource.OPEN;
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
  stream.onopen = () => { pause = 1000; clearTimeout(losing); losing = null; lose(""); };
  stream.onerror = () => {
    losing ??= setTimeout(() => lose(say("offline")), 3000);
    if (stream.readyState === EventSource.CLOSED) again(pause);
  };
}

function lose(why) {
  lost = why;
  drawBanner();
}

function again(pause) { // a browser gives up for good on any answer but 200
  setTimeout(() => listen(Math.min(2 * pause, 30000)), pause);
  sayWhy();
}

async function sayWhy() { // an EventSource does not tell
  const answer = await fetch(`${kling.routes}/tasks?before=0-${"0".repeat(32)}`).catch(() => null);
  if (answer?.status !== 403 || losing === null) return;
  clearTimeout(losing);
  lose(say("no_owner"));
  heard = true; // there is nothing to hear: the examples may show
  drawAll();
}

function hear(message) {
  skew = message.now - Date.now() / 1000;
  summary = message;
  take(message);
  drawHeader();
  drawBanner();
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
drawBanner();
drawAll();
listen();
