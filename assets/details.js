// The stage's details: what a person needs to ask Kling's support, each with a button to copy it.
let detailed = false, detailsDrawn = "";
kling.details = () => { detailed = !detailed; drawDetails(current()); };

function drawDetails(task) {
  const box = $("stage-details");
  if (!box) return;
  box.hidden = !detailed || !task;
  $("act-details")?.setAttribute("aria-expanded", String(!box.hidden));
  const key = box.hidden ? "" : JSON.stringify(
    [task.id, task.revision, former(task)?.revision, successor(task)?.revision, story.get(task.id)]);
  if (!box.hidden) learn(task);
  if (key === detailsDrawn) return; // a button in it may have the focus
  detailsDrawn = key;
  box.replaceChildren(...(key ? [make("dl", {}, ...rows(task))] : []));
}

const story = new Map(); // id → {revision, states, reply}
async function learn(task) {
  if (story.get(task.id)?.revision === task.revision) return;
  story.set(task.id, { ...story.get(task.id), revision: task.revision });
  const answer = await fetch(`${kling.routes}/tasks/${task.id}`).catch(() => null);
  if (!answer?.ok) return void story.delete(task.id); // asked again when it is drawn again
  story.set(task.id, { revision: task.revision, ...(await answer.json()) });
  drawDetails(current());
}

function moments(task) { // each state with its time of day, and seconds since the press
  const states = story.get(task.id)?.states ?? [];
  const clock = new Intl.DateTimeFormat(kling.lang, { dateStyle: "short", timeStyle: "medium" });
  return states.map(([state, at], index) => {
    const since = index ? `+${(at - states[0][1]).toFixed(1)} s` : clock.format(at * 1000);
    return `${kling.words.state[state] ?? state} · ${since}`;
  }).join("\n");
}

function pretty(reply) {
  try { return JSON.stringify(JSON.parse(reply), null, 2); } catch { return reply ?? ""; }
}

const former = (task) => (task.supersedes ? tasks.get(task.supersedes) ?? null : null);

function rows(task) {
  const found = [
    [say("sent_again_for"), task.supersedes && named(former(task), "former")],
    [say("sent_again_as"), successor(task) && named(successor(task), "successor")],
    ...["request_id", "task_id", "external_task_id"].map((name) => [say(name), copyable(name, task.ids[name])]),
    [say("states"), moments(task)],
    [say("said"), task.said],
    [say("estimate_label"), task.price], [say("deduction"), kling.live ? task.deduction : ""],
    [say("request"), task.found ? "" : JSON.stringify(task.request, null, 2)],
    [say("reply"), pretty(story.get(task.id)?.reply)],
  ];
  return found.filter(([, value]) => value).flatMap(([name, value]) =>
    [make("dt", { textContent: name }), make("dd", {}, value)]);
}

function named(one, role) {
  if (!one) return make("span", { className: "plain", textContent: say("former_gone") });
  const words = `${title(one)} · ${stateWord(one)}`;
  const button = make("button", { type: "button", className: role, textContent: words });
  button.onclick = () => select(one.id);
  return button;
}

function copyable(name, value) {
  if (!value) return null;
  const text = make("span", { textContent: value });
  const button = make("button", { type: "button", className: "copy", textContent: say("copy"),
    "aria-label": `${say("copy")}: ${say(name)}` });
  button.onclick = async () => {
    const done = await kling.copy(value, button);
    if (!done) getSelection().selectAllChildren(text);
    button.textContent = live.textContent = say(done ? "copied" : "copy_by_hand");
    button.classList.toggle("done", done);
    setTimeout(() => { button.textContent = say("copy"); button.classList.remove("done"); }, 2000);
  };
  return make("span", { className: "id" }, text, button);
}
