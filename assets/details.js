// The stage's details: what a person needs to ask Kling's support, each with a button to copy it.
let detailed = false, detailsDrawn = "";
kling.details = () => { detailed = !detailed; drawDetails(current()); };

function drawDetails(task) {
  const box = $("stage-details");
  if (!box) return;
  box.hidden = !detailed || !task;
  $("act-details")?.setAttribute("aria-expanded", String(!box.hidden));
  const key = box.hidden ? "" : JSON.stringify([task.id, task.ids, task.said, task.deduction, former(task)]);
  if (key === detailsDrawn) return; // a button in it may have the focus
  detailsDrawn = key;
  box.replaceChildren(...(key ? [make("dl", {}, ...rows(task))] : []));
}

const former = (task) => (task.supersedes ? tasks.get(task.supersedes) ?? null : null);

function rows(task) {
  const found = [
    [say("sent_again_for"), task.supersedes && namedFormer(task)],
    ...["request_id", "task_id", "external_task_id"].map((name) => [say(name), copyable(name, task.ids[name])]),
    [say("said"), task.said],
    [say("estimate_label"), task.price], [say("deduction"), kling.live ? task.deduction : ""],
    [say("request"), task.found ? "" : JSON.stringify(task.request, null, 2)],
  ];
  return found.filter(([, value]) => value).flatMap(([name, value]) =>
    [make("dt", { textContent: name }), make("dd", {}, value)]);
}

function namedFormer(task) {
  const one = former(task);
  if (!one) return make("span", { className: "plain", textContent: say("former_gone") });
  const words = `${title(one)} · ${stateWord(one)}`;
  const button = make("button", { type: "button", className: "former", textContent: words });
  button.onclick = () => select(one.id);
  return button;
}

function copyable(name, value) {
  if (!value) return null;
  const text = make("span", { textContent: value });
  const button = make("button", { type: "button", className: "copy", textContent: say("copy"),
    "aria-label": `${say("copy")}: ${say(name)}` });
  button.onclick = async () => {
    const done = await copy(value, button);
    if (!done) getSelection().selectAllChildren(text);
    button.textContent = live.textContent = say(done ? "copied" : "copy_by_hand");
    button.classList.toggle("done", done);
    setTimeout(() => { button.textContent = say("copy"); button.classList.remove("done"); }, 2000);
  };
  return make("span", { className: "id" }, text, button);
}

async function copy(text, button) { // over plain http, or in a frame, the clipboard is closed to us
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { /* the old way */ }
  const area = make("textarea", { value: text, className: "sr-only" });
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  button.focus();
  return done;
}
