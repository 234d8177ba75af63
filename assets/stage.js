// The stage: the selected task's state, what can be done with it, and its details.
let picked = null; // what a person chose: a task's id, or "g:" and a comparison's; else the newest
let awaited = ""; // the task just sent again, until the stream tells of it

const newest = () => [...tasks.values()].reduce((a, b) => (!a || b.created > a.created ? b : a), null);
const comparison = () => { // the one on the stage, if it is one
  if (picked?.startsWith("g:") && tasksAt(picked).length) return picked.slice(2);
  return tasks.has(picked) ? "" : newest()?.cell?.comparison ?? "";
};
const current = () => (comparison() ? null : tasks.get(picked) ?? newest());
kling.selected = () => current()?.id ?? "";
kling.showNewest = () => select(null);

function select(id) {
  picked = id;
  drawAll();
  $("stage")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
}

// Another that was sent for it, unless that brought nothing either.
const successor = (task) => [...tasks.values()].find((one) =>
  one.supersedes === task.id && (!one.over || one.state === "succeeded"));

// ── what can be done ─────────────────────────────────────────────────────────────────────────
function actions(task) {
  if (!task) return [];
  const { state } = task, away = task.case === "account_missing", list = [];
  const ended = ["failed", "rejected", "cancelled", "expired"].includes(state);
  const lost = ["unconfirmed", "stalled"].includes(state) || task.case === "forgotten";
  if (lost && !away && !task.over) list.push("look");
  if (state === "unconfirmed") list.push(...(successor(task) ? [] : ["again"]), "discard");
  if (ended && !task.found && task.case !== "reference_gone") list.push("retry");
  if (state === "queued") list.push("cancel", ...(task.case === "held" ? ["release"] : []));
  if (!task.found) list.push("settings");
  if (shownOf(task).length) list.push("reference", "download");
  if (!task.found) list.push("link");
  return [...list, "star", "details", ...(task.over ? ["delete"] : [])];
}

function primary(task, list) { // what its trouble names as the one thing to do
  const again = list.includes("again") ? "again" : "retry";
  const named = { again, edit: "settings", look: "look", release: "release" }[task?.action];
  return list.includes(named) ? named : "";
}

// A second click where a button was is no word about the button that took its place.
document.addEventListener("click", (event) => {
  if (event.detail > 1 && event.target.closest?.("#stage-actions")) event.stopImmediatePropagation();
}, { capture: true, signal: life.signal });

// ── questions before what cannot be undone ───────────────────────────────────────────────────
const sure = (task, action, body) => kling.question({
  title: say(`${action}_title`), body, yes: kling.words.act[action], kind: action,
  still: () => actions(tasks.get(task.id)).includes(action), // it may move on meanwhile
});

kling.sure = async (action) => {
  const task = current();
  return [task && (await sure(task, action, say(`${action}_body`))) ? task.id : ""];
};

// ── once more ────────────────────────────────────────────────────────────────────────────────
// A press keeps its number until it is answered, so that pressed again it stays one task.
const numbers = new Map(); // id of the former → nonce
let pressed = ""; // the task of the last press
kling.again = async (action) => {
  const task = current();
  if (!task || (task.warning && !(await sure(task, action, task.warning)))) return ["", ""];
  pressed = task.id;
  if (!numbers.has(task.id)) numbers.set(task.id, kling.number());
  setTimeout(() => { if (pressed === task.id && numbers.has(task.id)) kling.unanswered(); }, kling.patience);
  return [task.id, numbers.get(task.id)];
};

kling.sentAgain = (report) => {
  if (!report?.former) return;
  numbers.delete(report.former);
  if (report.problem) tell(tasks.get(report.former), report.problem, "err");
  awaited = report.task;
  drawAll();
};
kling.unanswered = () => tell(tasks.get(pressed), say("no_answer"), "err");

// ── looking ──────────────────────────────────────────────────────────────────────────────────
kling.asking = 4000; // milliseconds in which Kling's answer may change something
kling.look = () => {
  const task = current();
  if (!task || (note?.tone === "asking" && note.id === task.id)) return [""];
  pressed = task.id;
  tell(task, say("asking"), "asking");
  const asked = note;
  setTimeout(() => { if (note === asked) tell(task, connected() ? say("nothing_new") : ""); }, kling.asking);
  return [task.id];
};
kling.unheard = () => tell(current(), say("unheard"), "err");

// ── what came of the last press, in place, until its task changes ────────────────────────────
let note = null; // {id, revision, text, tone}
function tell(task, text, tone = "") {
  note = task && text ? { id: task.id, revision: task.revision, text, tone } : null;
  drawNote(current());
}

function drawNote(task) {
  const line = $("stage-said");
  if (note && note.revision !== tasks.get(note.id)?.revision) note = null;
  const own = note && note.id === task?.id ? note : { text: "", tone: "" };
  if (!line) return;
  set(line, own.text);
  line.className = own.tone;
}

// ── drawing ──────────────────────────────────────────────────────────────────────────────────
function drawStage() {
  const stage = $("stage"), head = $("stage-head");
  if (!stage || !head) return;
  if (tasks.has(awaited)) [picked, awaited] = [awaited, ""];
  const grid = comparison(), task = current(), list = grid ? ["export"] : actions(task);
  stage.dataset.actions = list.join(" ");
  stage.classList.toggle("examples", !task && !grid);
  stage.classList.toggle("starred", Boolean(task?.starred));
  set($("act-star"), say(task?.starred ? "unstar" : "star"));
  drawGrid(grid);
  stage.dataset.primary = primary(task, list);
  shape(task).forEach((side, index) => stage.style.setProperty(index ? "--ratio-h" : "--ratio-w", side));
  stage.classList.toggle("bare", Boolean(grid || (task && (nothingToShow(task) || waitsForYou(task)))));
  markCard();
  if (grid) {
    headDrawn = "";
    drawGridHead(head, grid);
  } else drawHead(head, task);
  drawNote(task);
  drawDetails(task);
  kling.reconsider();
  if (!grid) showPictures(task);
}

const waitsForYou = (task) => ["held", "account_missing"].includes(task.case) && !task.pictures.length;

let marked = "";
function markCard() {
  const task = current(), key = comparison() ? `g:${comparison()}` : task ? keyOf(task) : "";
  if (key !== marked) nodes.get(marked)?.card.classList.remove("selected");
  nodes.get(marked = key)?.card.classList.add("selected");
}

let headDrawn = "";
function drawHead(head, task) {
  const next = task && successor(task);
  const key = JSON.stringify([task?.id, task?.revision, task?.trouble, task?.usual, next?.revision, filesGone.size]);
  if (task) set($("stage-state"), stateText(task));
  if (key === headDrawn && head.firstChild) return; // a button in it may have the focus
  headDrawn = key;
  head.replaceChildren(...(task ? headOf(task) : [
    make("span", { className: "state wait", textContent: say("example") }),
    make("b", { textContent: say("examples_title") }),
    make("span", { className: "meta", textContent: say("examples_meta") }),
  ]));
}

function headOf(task) {
  const usual = task.trouble ? "" : usually(task);
  return [
    make("span", { className: `state ${tone(task)}`, id: "stage-state", textContent: stateText(task) }),
    make("b", { textContent: title(task), title: title(task) }),
    make("span", { className: "meta", textContent: meta(task) }),
    ...[troubleOf(task)].filter(Boolean),
    ...(usual ? [make("span", { className: "meta", textContent: usual })] : []),
  ];
}

const stop = kling.lang === "zh" ? "。" : ".";
function troubleOf(task) { // what happened, what to do now, and whether it was charged
  const { title, advice, charged, detail } = task.trouble ?? {}, next = successor(task);
  const missing = task.state === "succeeded" && nothingToShow(task);
  if (!title && !missing) return null;
  return make("p", { className: `notice ${missing ? "warn" : tone(task)}` },
    make("b", { textContent: (title ?? say("gone")) + stop }), " ",
    ...(next ? [`${say("sent_again_as")} `, named(next, "successor")] : [advice ?? say("gone_advice")]), " ",
    charged ? make("span", { className: "charged", textContent: charged }) : null,
    detail ? make("span", { className: "said", textContent: detail }) : null);
}

const embedding = () => (kling.stored.get("embed") === "off" ? "" : "&settings");
kling.reference = () => [kling.selected(), onePicture()];
kling.copyLink = async () => {
  const task = current();
  if (!task) return;
  const done = await kling.copy(kling.linkTo(task.request), $("act-link"));
  tell(task, say(done ? "link_copied" : "copy_by_hand"), "");
};

kling.download = async () => {
  const task = current(), looked = document.querySelector("#stage-gallery .preview");
  const all = task ? [...task.pictures, ...task.watermarked] : [];
  for (const picture of looked ? all.slice(onePicture(), onePicture() + 1) : all) {
    const anchor = make("a", { href: `${link(picture.id)}?download${embedding()}`, download: "" });
    document.body.append(anchor);
    anchor.click();
    anchor.remove();
    await new Promise((done) => setTimeout(done, 300));
  }
};
