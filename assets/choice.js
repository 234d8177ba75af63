// Several cards at once: chosen, downloaded as one file, deleted.
const MOST = 500; // tasks at once
const chosen = new Set(); // keys of cards
let choosing = false, anchor = ""; // the card where a range begins
let refusal = ""; // why the last press did nothing

function pill(name, act) {
  const button = make("button", { type: "button", className: "pill", textContent: say(name) });
  button.onclick = act;
  return button;
}

const toggle = pill("choose", () => setChoosing(!choosing));
const count = make("b", { role: "status" });
const zip = pill("zip", downloadChosen), bin = pill("delete_chosen", deleteChosen);
const tray = make("div", { className: "tray", role: "toolbar", hidden: true, "aria-label": say("choose") },
  count, zip, bin, pill("done", () => setChoosing(false)));
const zipFrame = make("iframe", { name: "kling-zip", hidden: true, title: say("zip") });
toggle.classList.add("choose");
bar.append(toggle);
bar.after(tray);
root.append(zipFrame);

// ── which ────────────────────────────────────────────────────────────────────────────────────
function setChoosing(on) {
  choosing = on;
  choose([]);
}

function choose(keys) { // these and no others
  chosen.clear();
  refusal = "";
  for (const key of keys) chosen.add(key);
  order.forEach(markChosen);
  drawChoice();
}

function pick(key, range) {
  const from = order.findIndex((node) => node.key === anchor);
  const to = order.findIndex((node) => node.key === key);
  const keys = range && from >= 0
    ? order.slice(Math.min(from, to), Math.max(from, to) + 1).map((node) => node.key) : [key];
  const off = keys.length === 1 && chosen.has(key);
  if (!range) anchor = key;
  choose(off ? [...chosen].filter((one) => one !== key) : [...chosen, ...keys]);
}

document.addEventListener("keydown", (event) => {
  if (!choosing || event.isComposing || document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") setChoosing(false);
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "a" || kling.typing(event)) return;
  event.preventDefault();
  choose(order.map((node) => node.key));
}, { signal: life.signal });

// ── drawing ──────────────────────────────────────────────────────────────────────────────────
function markChosen({ key, card }) {
  card.classList.toggle("chosen", chosen.has(key));
  if (choosing) card.setAttribute("aria-pressed", String(chosen.has(key)));
  else card.removeAttribute("aria-pressed");
}

const chosenTasks = () => [...chosen].flatMap(tasksAt);

function drawChoice() {
  root.classList.toggle("choosing", choosing);
  toggle.classList.toggle("on", choosing);
  toggle.setAttribute("aria-pressed", String(choosing));
  tray.hidden = !choosing;
  if (!choosing) return;
  const all = chosenTasks(), many = all.length > MOST ? say("too_many", { n: MOST }) : "";
  set(count, refusal || many || say("chosen", { n: chosen.size }));
  zip.disabled = Boolean(many) || !all.some((task) => task.pictures.length);
  bin.disabled = Boolean(many) || !all.length;
}

function refuse(name) {
  refusal = say(name);
  drawChoice();
}

// ── what is done with them ───────────────────────────────────────────────────────────────────
function downloadChosen() { // the browser saves it piece by piece; the page stays
  const ids = make("input", { type: "hidden", name: "ids", value: chosenTasks().map((task) => task.id).join(" ") });
  const settings = make("input", { type: "hidden", name: "settings", value: embedding() ? "1" : "" });
  const form = make("form", { method: "post", target: "kling-zip", hidden: true }, ids, settings);
  form.setAttribute("action", `${kling.routes}/zip`);
  document.body.append(form);
  form.submit();
  form.remove();
}

async function deleteChosen() {
  const all = chosenTasks(), unsure = all.filter((task) => task.state === "unconfirmed");
  const doomed = [...all.filter((task) => task.over), ...unsure];
  if (!doomed.length) return refuse("all_running");
  const said = [["delete_some", doomed.length], ["delete_unsure", unsure.length],
    ["delete_stay", all.length - doomed.length]];
  const body = said.filter(([, n]) => n).map(([name, n]) => say(name, { n }));
  const sure = await kling.question({ title: say("delete_some_title"),
    body: body.join(kling.lang === "zh" ? "" : " "), yes: say("delete_chosen"), kind: "delete" });
  if (sure && !(await deleted(doomed))) refuse("not_deleted");
}

async function deleted(doomed) { // the stream tells which are gone
  const answer = await fetch(`${kling.routes}/delete`, {
    method: "POST", headers: { "content-type": "application/json" },
    body: JSON.stringify({ ids: doomed.map((task) => task.id) }),
  }).catch(() => null);
  return Boolean(answer?.ok);
}
