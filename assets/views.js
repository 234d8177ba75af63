// What a view of the history holds: a filter and a search, as far back as it was fetched. No DOM.
const comparisons = new Map(); // id → ids of its cells
const known = new Set(); // comparisons that every cell was asked for of

// ── comparisons: one card for all cells ──────────────────────────────────────────────────────
const keyOf = (task) => (task.cell ? `g:${task.cell.comparison}` : task.id); // of its card
const groupOf = (task) => (task?.cell ? groupAt(keyOf(task)) : []);

function tasksAt(key) { // all that a card stands for, oldest first
  if (!key.startsWith("g:")) return tasks.has(key) ? [tasks.get(key)] : [];
  const ids = comparisons.get(key.slice(2)) ?? [];
  return [...ids].map((id) => tasks.get(id)).sort((a, b) => a.created - b.created);
}

function groupAt(key) { // row by row; of a cell that was sent again only the last attempt
  const places = new Map();
  for (const task of tasksAt(key)) places.set(`${task.cell.row} ${task.cell.column}`, task);
  return [...places.values()].sort((a, b) => a.cell.row - b.cell.row || a.cell.column - b.cell.column);
}

function enter(task) {
  tasks.set(task.id, task);
  if (!task.cell) return;
  const { comparison } = task.cell;
  if (!comparisons.has(comparison)) comparisons.set(comparison, new Set());
  comparisons.get(comparison).add(task.id);
}

function forget(id) {
  const { cell } = tasks.get(id) ?? {};
  tasks.delete(id);
  comparisons.get(cell?.comparison)?.delete(id);
}

// ── what fits: the same as kling_ui/web/search.py and history/browsing.py ────────────────────
const offset = -60 * new Date().getTimezoneOffset(); // seconds that this clock is before UTC's
const fold = (text) => String(text ?? "").toUpperCase().toLowerCase().replaceAll("ς", "σ");
const MOST_WORDS = 8;
const wordsOf = (query) => [...new Set(fold(query).split(/\s+/).filter(Boolean))].slice(0, MOST_WORDS).map(wordOf);
const FITS = {
  "": () => true, running: (task) => !task.over && task.state !== "unconfirmed", starred: (task) => task.starred,
  failed: (task) => ["failed", "rejected", "expired", "unconfirmed"].includes(task.state),
};

function wordOf(text) {
  const meant = (names) => names.some((name) => [name, ...name.split(" ")]
    .some((part) => fold(part).startsWith(text)));
  const states = Object.entries(kling.words.names).filter(([, names]) => meant(names));
  return { text, states: states.map(([state]) => state) };
}

const hasWord = (task, { text, states }) => states.includes(task.state)
  || fold(task.request.prompt).includes(text) || fold(task.request.model_name).includes(text)
  || new Date((task.created + offset) * 1000).toISOString().slice(0, 10).startsWith(text);

const fits = (task, view) => FITS[view.only](task) && view.words.every((word) => hasWord(task, word));

// ── how far back: a view shows nothing older than it was fetched, so that it has no holes ────
const plain = { only: "", query: "", words: [], cursor: "" }; // everything
let views = new Map([["", plain]]), view = plain;

function viewOf(only, query) {
  const words = wordsOf(query), key = [only, ...words.map((word) => word.text)].join(" ");
  const found = views.get(key) ?? { only, query, words, cursor: plain.cursor };
  views.set(key, found);
  for (const wider of views.values()) if (covers(wider, found)) found.cursor = further(wider, found);
  return found;
}

const reach = ({ cursor }) => (cursor ? Number.parseFloat(cursor) : -Infinity); // Unix seconds
const further = (a, b) => (reach(a) < reach(b) ? a : b).cursor; // "" at the end
const covers = (wider, one) => ["", one.only].includes(wider.only) // what this shows that shows too
  && wider.words.every(({ text }) => one.words.some((word) => word.text === text));
const shows = (view, task) => task.created >= reach(view) && fits(task, view);

function placeAt(key) { // the moment of the newest task of a card that the view shows, or null
  const moments = tasksAt(key).filter((task) => shows(view, task)).map((task) => task.created);
  return moments.length ? Math.max(...moments) : null;
}

function restart(older) { // everything is told anew
  tasks.clear();
  comparisons.clear();
  known.clear();
  plain.cursor = older;
  const { only, query } = view;
  views = new Map([["", plain]]);
  view = viewOf(only, query);
}

function address({ only, query }, cursor) {
  const asked = { filter: only, q: query, offset: only || query ? offset : "", before: cursor };
  const given = Object.entries(asked).filter(([, value]) => value !== "");
  return `${kling.routes}/tasks?${new URLSearchParams(given)}`;
}
