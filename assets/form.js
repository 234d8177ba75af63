// The composer in the browser: what a model cannot take, the counter, the button, the problems.
(() => {
  const at = (name) => kling.fields.indexOf(name);
  const update = (changes) => ({ __type__: "update", ...changes });
  const $ = (id) => document.getElementById(id);

  // ── the press ──────────────────────────────────────────────────────────────────────────────
  // Each has a number of its own, and the studio makes one task of a number. What got no answer
  // may be a task all the same: the same form pressed again is that press again. It outlives a
  // reload, because Gradio reloads the page when it lost the connection.
  kling.patience = 15000; // milliseconds
  let presses = before(); // without an answer, oldest first: {nonce, form, lost}

  function before() {
    try { return JSON.parse(kling.tab.get("presses") ?? "[]").map((press) => ({ ...press, lost: true })); }
    catch { return []; }
  }

  function remember(list) {
    presses = list;
    kling.tab.set("presses", JSON.stringify(list.map(({ nonce, form }) => ({ nonce, form }))));
    $("generate")?.classList.toggle("busy", list.some((press) => !press.lost));
  }

  kling.number = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  kling.pressed = (values, k) => {
    const asked = values.filter((_, index) => index !== k);
    const form = JSON.stringify(asked.map((value) => value?.path ?? value ?? ""));
    const same = presses.find((press) => press.lost && press.form === form);
    const press = { nonce: same?.nonce ?? kling.number(), form, lost: false };
    remember([...presses.filter((one) => one !== same), press]);
    setTimeout(() => lose(press), kling.patience);
    values[k] = press.nonce;
    return values;
  };

  function lose(press) {
    if (press.lost || !presses.includes(press)) return;
    press.lost = true;
    remember(presses);
    sayLost();
  }
  kling.failed = () => presses.forEach(lose);

  function sayLost() {
    problems = { "": kling.say("no_answer") };
    showProblems({});
  }

  function answered(nonce) { // what was lost before it is no longer worried about
    const place = presses.findIndex((press) => press.nonce === nonce);
    remember(presses.filter((press, index) => index > place || (index < place && !press.lost)));
  }

  // The second click of a double click is no second order.
  document.addEventListener("click", (event) => {
    if (event.detail === 2 && event.target.closest?.("#generate")) event.stopImmediatePropagation();
  }, true);

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input, textarea, select, [contenteditable]");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing && !event.repeat) {
      event.preventDefault();
      $("generate")?.click();
    } else if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      document.querySelector("#field-prompt textarea")?.focus();
    }
  });

  // ── problems, each under its field ─────────────────────────────────────────────────────────
  let problems = {};
  kling.report = (report) => {
    if (!report) return;
    if (report.only) {
      delete problems[report.only];
      Object.assign(problems, report.problems);
    } else {
      answered(report.nonce);
      problems = { ...report.problems };
    }
    showProblems(report.labels ?? {});
    if (report.task) kling.showNewest?.();
  };

  function showProblems(labels) {
    for (const field of document.querySelectorAll(".field")) {
      mark(field, problems[field.id.replace("field-", "")]);
    }
    const box = $("problems");
    if (!box) return;
    const named = Object.entries(problems).map(([name, text]) => (labels[name] ? `${labels[name]}${kling.lang === "zh" ? "：" : ": "}${text}` : text));
    box.replaceChildren(...named.map((text) => Object.assign(document.createElement("p"), { textContent: text })));
    const first = document.querySelector(".field.wrong");
    first?.scrollIntoView({ block: "nearest" });
    first?.querySelector("input, textarea")?.focus({ preventScroll: true });
  }

  function mark(field, text) {
    field.querySelector(":scope > .problem")?.remove();
    field.classList.toggle("wrong", Boolean(text));
    const input = field.querySelector("textarea, input");
    if (!text) return input?.removeAttribute("aria-invalid");
    input?.setAttribute("aria-invalid", "true");
    field.append(Object.assign(document.createElement("p"), { className: "problem", textContent: text }));
    const fold = field.closest(".fold");
    if (fold) openFold(fold, true);
  }

  function forget(name) {
    if (!(name in problems)) return;
    delete problems[name];
    if ($(`field-${name}`)) mark($(`field-${name}`), "");
    if (!Object.keys(problems).length) $("problems")?.replaceChildren();
  }
  document.addEventListener("input", (event) => {
    const field = event.target.closest?.(".field.wrong");
    if (field) forget(field.id.replace("field-", ""));
  });
  kling.filled = () => { // the prompts changed, perhaps by a program
    for (const name of ["prompt", "negative_prompt"]) {
      if (document.querySelector(`#field-${name} textarea`)?.value.trim()) forget(name);
    }
    kling.count();
  };

  // A file that is far too large is refused before it travels, in the page's language.
  function tooLarge(event, file) {
    if (!file || file.size <= kling.largest_upload || !event.target.closest?.("#field-image")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const text = kling.say("too_large", { megabytes: (file.size / 1e6).toFixed(1), limit: kling.largest_upload / 1e6 });
    kling.report({ only: "image", problems: { image: text }, labels: {} });
  }
  document.addEventListener("change", (event) => {
    if (event.target.type === "file") tooLarge(event, event.target.files?.[0]);
  }, true);
  document.addEventListener("drop", (event) => tooLarge(event, event.dataTransfer?.files?.[0]), true);

  // Enter takes the model's name as it was typed, not the first of the list that begins like it.
  let typed = false;
  document.addEventListener("keydown", (event) => {
    if (!event.target.closest?.("#field-model_name")) return;
    if (event.key === "Enter" && typed) {
      event.preventDefault();
      event.stopImmediatePropagation();
      event.target.blur();
    }
    typed = !event.key.startsWith("Arrow") && event.key !== "Enter" && (typed || event.key.length === 1 || event.key === "Backspace");
  }, true);

  // ── folds stay mounted, so that what is wrong inside can be shown ──────────────────────────
  function openFold(fold, open) {
    fold.classList.toggle("open", open);
    fold.querySelector(".fold-head")?.setAttribute("aria-expanded", String(open));
  }
  document.addEventListener("click", (event) => {
    const fold = event.target.closest?.(".fold-head")?.closest(".fold");
    if (fold) openFold(fold, !fold.classList.contains("open"));
  });

  // ── the rules: Python made the table, the browser applies it ───────────────────────────────
  const wanted = {}, given = {}; // what the person chose, and what stands there while a model lacks it
  kling.adapt = (v) => {
    const draft = kling.values ? {} : restored();
    if (!kling.values && presses.length) setTimeout(sayLost, 50);
    for (const [name, value] of Object.entries(draft)) if (at(name) >= 0) v[at(name)] = value;
    kling.values = v;
    const url = v[at("image_url")];
    const picture = Boolean(v[at("image")] || url?.trim());
    const kind = picture ? v[at("image_reference")] ?? "" : "";
    const model = kling.rules[v[at("model_name")]?.trim?.() ?? ""] ?? kling.rules[""];
    const rule = model[picture ? `picture ${kind}`.trim() : ""];
    const changes = kling.fields.map((name) => {
      const change = verdict(name, rule);
      return name in draft ? { ...change, value: draft[name] } : change;
    });
    changes[at("aspect_ratio")] = choice("aspect_ratio", v, rule.ratios, rule);
    changes[at("resolution")] = choice("resolution", v, rule.resolutions, rule);
    kling.rule = rule;
    setTimeout(kling.count, 50); // once the new values are drawn
    hintAtImage();
    document.body.classList.toggle("with-picture", picture);
    describeModel(rule);
    note("image_url", "hint", v[at("image")] && url?.trim() ? kling.say("url_unused") : "");
    if (!v[at("image")]) forget("image");
    return [...changes, update({ value: label(v[at("n")] ?? 1, rule) })];
  };

  // What was not sent yet survives a reload and a change of language; a first visit has a prompt.
  addEventListener("pagehide", () => {
    if (!kling.values) return;
    const draft = kling.fields.map((name) => [name, entered(name) ?? kling.values[at(name)]]);
    kling.tab.set("draft", JSON.stringify(Object.fromEntries(draft)));
  });

  function entered(name) { // `kling.adapt` hears of the other fields' changes only
    const field = $(`field-${name}`);
    return field?.querySelector("textarea")?.value ?? field?.querySelector("input[type=checkbox]")?.checked;
  }

  function restored() {
    try { return JSON.parse(kling.tab.get("draft")) ?? { prompt: kling.first_prompt }; }
    catch { return { prompt: kling.first_prompt }; }
  }

  function verdict(name, rule) {
    const [support, reason] = rule.fields[name] ?? ["yes", ""];
    note(name, support, reason);
    return update({ interactive: support !== "no" });
  }

  function choice(name, v, offered, rule) {
    const now = v[at(name)];
    if (now !== given[name]) wanted[name] = now;
    const value = [wanted[name], now, offered[0]].find((one) => offered.includes(one)) ?? now;
    given[name] = value;
    const [support] = rule.fields[name] ?? ["yes"];
    if (!offered.length) return update({ choices: [["1k", "1k"]], value: "1k", interactive: false });
    return update({ choices: offered.map((one) => [one, one]), value, interactive: support !== "no" });
  }

  function note(name, support, reason) {
    const field = $(`field-${name}`);
    if (!field) return;
    let line = field.querySelector(":scope > .reason");
    if (!reason) return line?.remove();
    line ??= field.appendChild(document.createElement("p"));
    line.className = `reason ${support}`;
    line.textContent = reason;
  }

  function describeModel(rule) {
    const each = price(1, rule);
    const status = rule.status === "retired" || rule.status === "gateway" ? kling.say(rule.status) : "";
    const parts = [rule.character, each && kling.say("per_image", { price: each }), status];
    note("model_name", rule.status === "current" ? "hint" : "doubtful", parts.filter(Boolean).join(" · "));
  }

  // ── what the picture may be, beside its label ──────────────────────────────────────────────
  function hintAtImage() {
    const field = $("field-image");
    if (!field || field.querySelector(":scope > .counter")) return;
    field.append(Object.assign(document.createElement("span"),
      { className: "counter", textContent: kling.say("image_hint") }));
  }

  // ── price and button ───────────────────────────────────────────────────────────────────────
  const price = (n, rule) => rule.prices[n - 1] ?? "";

  function label(n, rule) {
    const whole = price(n, rule);
    const [left, right] = [$("hint-keys"), $("hint-price")];
    if (left) left.textContent = kling.say("shortcut");
    if (right) right.textContent = whole ? kling.say("estimate", { n, each: price(1, rule) }) : kling.say("price_unknown");
    return `${kling.say("generate", { n })} · ${whole ? `≈ ${whole}` : kling.say("price_unknown")}`;
  }

  // ── the counter: characters as the API counts them ─────────────────────────────────────────
  kling.count = () => {
    for (const name of ["prompt", "negative_prompt"]) {
      const field = $(`field-${name}`), area = field?.querySelector("textarea");
      if (!area) continue;
      let counter = field.querySelector(":scope > .counter");
      counter ??= field.appendChild(Object.assign(document.createElement("span"), { className: "counter" }));
      const size = [...area.value].length, limit = kling.rule?.[name];
      const over = limit != null && size > limit;
      counter.classList.toggle("over", over);
      counter.classList.toggle("near", !over && limit != null && size > limit * 0.9);
      counter.textContent = limit == null ? `${size}`
        : kling.say(over ? "characters_over" : "characters", { size, limit, excess: size - limit });
    }
  };
  document.addEventListener("input", (event) => {
    if (event.target.closest?.("#field-prompt, #field-negative_prompt")) kling.count();
  });
})();
