// What the studio tells of: one event stream for all tabs of a browser, because a browser opens no
// more than six connections to a plain http server. The tab that holds the lock listens and tells
// the others; when it goes, the next one goes on where it stopped.
const gone = new Set(); // ids of deleted tasks: an answer that was on its way may still hold them
let last = ""; // id of the last event: mark and revision
const unsaid = []; // changes that are read out to who does not see them

// ── what is heard ────────────────────────────────────────────────────────────────────────────
function take(message, { whole }) { // `whole`: with every cell of the comparisons it speaks of
  for (const task of message.tasks) takeOne(task);
  for (const id of message.gone ?? []) takeAway(id);
  const named = new Set(message.tasks.map((task) => task.cell?.comparison).filter(Boolean));
  for (const comparison of named) {
    if (whole) known.add(comparison);
    else if (!known.has(comparison)) fetchCells(comparison);
  }
}

function takeOne(task) {
  const before = tasks.get(task.id);
  if (gone.has(task.id) || before?.revision > task.revision) return; // an older page came late
  if (before && before.state !== task.state) unsaid.push(`${stateWord(task)}: ${title(task)}`);
  noticed(before, task);
  enter(task);
  dirty.add(keyOf(task));
}

function takeAway(id) {
  gone.add(id);
  if (tasks.has(id)) dirty.add(keyOf(tasks.get(id)));
  forget(id);
}

async function fetchCells(comparison) {
  known.add(comparison);
  const found = await ask(`${kling.routes}/comparisons/${comparison}`);
  if (!found) return known.delete(comparison); // asked again when it is spoken of again
  take(found, { whole: true });
  drawAll();
}

const HEAR = {
  page(message) {
    restart(message.older);
    gone.clear();
    nodes.clear();
    take(message, { whole: true });
    layOut();
  },
  changes: (message) => take(message, { whole: false }),
};

function outdated({ page }) { // the program was started anew, or a key was added or forgotten
  if (!page || page === kling.page) return kling.tab.set("renewed", "");
  if (kling.tab.get("renewed") === page) return false; // it did not help: never again and again
  kling.tab.set("renewed", page);
  location.reload(); // what was typed and not sent stays
  return true;
}

function hear(name, id, message) {
  if (outdated(message)) return;
  keyring.heard(message.run);
  last = id;
  heard = true;
  skew = message.now - Date.now() / 1000;
  summary = message;
  HEAR[name](message);
  drawHeader();
  drawBanner();
  drawAll();
  if (unsaid.length) live.textContent = unsaid.splice(0).join(stop);
  if (name === "page") watchBottom();
}

function isPast(id) { // of this history, and before what was heard
  const [[mark, revision], [own, reached]] = [id.split("-"), last.split("-")];
  return mark === own && Number(revision) < Number(reached);
}

// ── one stream ───────────────────────────────────────────────────────────────────────────────
let stream = null, losing = null;
const connected = () => (stream ? stream.readyState === EventSource.OPEN : !lost);
life.signal.addEventListener("abort", () => stream?.close());

function listen(pause = 1000) {
  if (life.signal.aborted) return;
  stream = new EventSource(`${kling.routes}/events?since=${last}`);
  for (const name of Object.keys(HEAR)) {
    stream.addEventListener(name, ({ lastEventId: id, data }) => {
      const message = JSON.parse(data);
      passOn({ name, id, message });
      hear(name, id, message);
    });
  }
  stream.onopen = () => { pause = 1000; found(); };
  stream.onerror = () => {
    missing();
    if (stream.readyState === EventSource.CLOSED) again(pause);
  };
}

function again(pause) { // a browser gives up for good on any answer but 200
  setTimeout(() => listen(Math.min(2 * pause, 30000)), pause);
  sayWhy();
}

function missing() {
  losing ??= setTimeout(() => lose(say("offline")), 3000);
}

function found() {
  clearTimeout(losing);
  losing = null;
  lose("");
}

function lose(why) {
  if (why && !lost) kling.failed(); // what was pressed and not answered is pressed again
  lost = why;
  document.body.classList.toggle("offline", Boolean(why));
  drawBanner();
  passOn({ lost });
  if (!lost && view.failed) watchBottom();
}

// An EventSource does not tell, and one that was opened before still hears when another tab logs out.
const askOnce = () => fetch(`${kling.routes}/tasks?before=0-${"0".repeat(32)}`).catch(() => null);
const loggedOut = (answer) => answer?.status === 401;
kling.whyUnheard = async () => { if (loggedOut(await askOnce())) location.reload(); };

async function sayWhy() {
  const answer = await askOnce();
  if (loggedOut(answer)) return location.reload(); // to log in again; what was typed stays
  if (answer?.status !== 403 || losing === null) return;
  clearTimeout(losing);
  lose(say("no_owner"));
  heard = true; // there is nothing to hear: the examples may show
  drawAll();
}

// ── many tabs ────────────────────────────────────────────────────────────────────────────────
// Both need https or this machine; without them every tab has a stream of its own.
const house = `kling ${kling.lang} ${location.pathname}`;
const shared = Boolean(navigator.locks && window.BroadcastChannel);
const channel = shared ? new BroadcastChannel(house) : null;
let heads = !shared, waiting = []; // what was told before there was anything to add it to
const passOn = (what) => { if (heads) channel?.postMessage(what); };
life.signal.addEventListener("abort", () => channel?.close());

function head() { // as long as this tab lives
  heads = true;
  listen();
  return new Promise((leave) => life.signal.addEventListener("abort", leave));
}

function overhear({ data: { name, id, message, lost: why, asks } }) {
  if (heads) return asks && passOn({ lost });
  if (why !== undefined) return why ? lose(why) : found();
  if (!message) return;
  if (!heard) waiting.push([name, id, message]);
  else if (name === "page" || !isPast(id)) hear(name, id, message);
}

async function follow(pause = 1000) {
  if (heads || heard || life.signal.aborted) return;
  const page = await ask(`${kling.routes}/tasks`);
  if (heads || heard) return;
  if (!page) return miss(pause);
  hear("page", page.id, page);
  found();
  channel.postMessage({ asks: true }); // whether the one that listens hears anything
  for (const [name, id, message] of waiting) if (name === "page" || !isPast(id)) hear(name, id, message);
  waiting = [];
}

function miss(pause) {
  missing();
  setTimeout(() => follow(Math.min(2 * pause, 30000)), pause);
  sayWhy();
}

async function join() {
  channel.onmessage = overhear;
  await navigator.locks.request(house, { ifAvailable: true }, (lock) => lock && head());
  if (life.signal.aborted) return;
  follow();
  await navigator.locks.request(house, { signal: life.signal }, head);
}

drawHeader();
drawBanner();
drawAll();
if (shared) join().catch(() => { if (!heads) head(); });
else head();
