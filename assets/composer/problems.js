// What is wrong, each sentence under its field; judged by the studio while a person types.
(() => {
  const $ = (id) => document.getElementById(id);
  const PAUSE = 450; // milliseconds without a change before the studio is asked
  let problems = {}, labels = {};
  let found = {}; // by the browser itself: a judgement of the studio's does not know of it
  let told = ""; // of the whole, by the last press; it stands while typing goes on
  let unread = false; // what the browser found since the last press
  let turn = 0; // of the latest judgement; an older one may arrive after it
  const touched = new Set(); // fields that a person has been at: nobody else's is complained about

  kling.report = (report) => {
    if (!report) return;
    if (report.judged) return report.judged === turn && judged(report);
    if (report.only) {
      touched.add(report.only);
      delete problems[report.only];
      if (!report.problems[report.only]) delete found[report.only];
      Object.assign(problems, report.problems);
    } else {
      found = {};
      kling.answered(report.nonce);
      turn += 1; // a judgement that is still on its way knows less
      problems = { ...report.problems };
      told = problems[""] ?? "";
      for (const name of Object.keys(problems)) touched.add(name);
    }
    show({ ...labels, ...report.labels });
    if (report.only === undefined) focusFirst();
    if (report.task) kling.showNewest?.();
  };

  kling.complain = (name, text) => {
    found[name] = text;
    unread = true;
    kling.report({ only: name, problems: { [name]: text }, labels: {} });
  };

  kling.heldBack = () => { // a press that would go without what was refused, before that was seen
    const held = unread && Object.keys(found).length > 0;
    unread = false;
    if (held) focusFirst();
    return held;
  };

  function judged(report) {
    const known = Object.entries(report.problems).filter(([name]) => touched.has(name));
    const whole = told || report.problems[""];
    problems = { ...(whole && { "": whole }), ...Object.fromEntries(known), ...found };
    show(report.labels);
    kling.showRequest?.(report.preview);
  }

  kling.unheardPress = () => {
    told = kling.say("no_answer");
    problems = { "": told };
    show({});
    focusFirst();
  };

  function show(names) {
    labels = names;
    for (const field of document.querySelectorAll(".field")) {
      mark(field, problems[field.id.replace("field-", "")]);
    }
    const colon = kling.lang === "zh" ? "：" : ": ";
    const named = Object.entries(problems).map(([name, text]) => (labels[name] ? labels[name] + colon + text : text));
    const box = $("problems"), said = [...(box?.querySelectorAll("p") ?? [])].map((line) => line.textContent);
    if (said.join("\n") === named.join("\n")) return; // it would be read out again
    box?.replaceChildren(...named.map((text) =>
      Object.assign(document.createElement("p"), { textContent: text })));
    const barred = problems[""] && problems[""] !== kling.say("no_answer");
    if (barred && (kling.left || kling.banner?.add) && !kling.own_key && kling.takes_keys) box?.append(addKey());
  }

  // what the studio's own key is not there for, a key of one's own is
  const addKey = () => Object.assign(document.createElement("button"),
    { type: "button", className: "add-key", textContent: kling.say("add_key") });

  function focusFirst() {
    const first = document.querySelector(".field.wrong"), fold = first?.closest(".fold");
    if (fold) kling.openFold(fold, true); // closed again since it was told
    (first ?? document.querySelector("#problems:not(:empty)"))?.scrollIntoView({ block: "nearest" });
    first?.querySelector("input, textarea")?.focus({ preventScroll: true });
  }

  function mark(field, text) {
    const line = field.querySelector(":scope > .problem");
    if ((line?.textContent ?? "") === (text ?? "")) return;
    line?.remove();
    field.classList.toggle("wrong", Boolean(text));
    const input = field.querySelector("textarea, input");
    const id = `problem-${field.id}`;
    for (const [name, value] of [["aria-invalid", "true"], ["aria-describedby", id]]) {
      if (text) input?.setAttribute(name, value);
      else input?.removeAttribute(name);
    }
    if (!text) return;
    field.append(Object.assign(document.createElement("p"), { id, className: "problem", textContent: text }));
    const fold = field.closest(".fold");
    if (fold) kling.openFold(fold, true);
  }

  kling.forget = (name) => {
    delete found[name];
    if (!(name in problems)) return;
    delete problems[name];
    show(labels);
  };

  // ── as they are made ───────────────────────────────────────────────────────────────────────
  let waiting = null;
  kling.judgeSoon = () => {
    clearTimeout(waiting);
    if (!touched.size && !kling.requestWish()) return; // nobody would hear of it
    waiting = setTimeout(() => $("judge")?.click(), PAUSE);
  };
  kling.judging = (values, k) => {
    values[k] = { request: kling.requestWish?.() ?? "", turn: ++turn };
    return values;
  };

  // Not on "change", which comes with the press on what is clicked next, and would move it away.
  document.addEventListener("input", (event) => {
    const field = event.target.closest?.("#composer .field");
    if (!field) return;
    const name = field.id.replace("field-", "");
    touched.add(name);
    kling.forget(name);
    kling.judgeSoon();
  });

  // ── folds stay mounted, so that what is wrong inside can be shown ──────────────────────────
  kling.openFold = (fold, open) => {
    fold.classList.toggle("open", open);
    fold.querySelector(".fold-head")?.setAttribute("aria-expanded", String(open));
    if (open && fold.id === "request") $("judge")?.click();
  };
  document.addEventListener("click", (event) => {
    const fold = event.target.closest?.(".fold-head")?.closest(".fold");
    if (fold) kling.openFold(fold, !fold.classList.contains("open"));
  });
})();
