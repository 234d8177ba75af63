// The composer in the browser: what a model cannot take, the counter, the button, the problems.
(() => {
  const FIELDS = ["model_name", "prompt", "negative_prompt", "image", "image_reference",
    "image_fidelity", "human_fidelity", "resolution", "n", "aspect_ratio", "watermark_info",
    "callback_url", "external_task_id", "element_list"];
  const at = (name) => FIELDS.indexOf(name);
  const update = (changes) => ({ __type__: "update", ...changes });
  const $ = (id) => document.getElementById(id);

  // ── the press ──────────────────────────────────────────────────────────────────────────────
  kling.pressed = (values, k) => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    values[k] = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    $("generate")?.classList.add("busy");
    clearTimeout(kling.unanswered);
    kling.unanswered = setTimeout(() => {
      kling.report({ task: "", problems: { "": kling.say("no_answer") }, labels: {} });
    }, 15000);
    return values;
  };

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
    clearTimeout(kling.unanswered);
    $("generate")?.classList.remove("busy");
    if (report.only) {
      delete problems[report.only];
      Object.assign(problems, report.problems);
    } else {
      problems = { ...report.problems };
    }
    showProblems(report.labels ?? {});
    if (report.task) kling.select?.(report.task);
  };

  function showProblems(labels) {
    for (const field of document.querySelectorAll(".field")) {
      mark(field, problems[field.id.replace("field-", "")]);
    }
    const box = $("problems");
    if (!box) return;
    const named = Object.entries(problems).map(([name, text]) => (labels[name] ? `${labels[name]}: ${text}` : text));
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

  document.addEventListener("input", (event) => {
    const field = event.target.closest?.(".field.wrong");
    if (!field) return;
    delete problems[field.id.replace("field-", "")];
    mark(field, "");
    if (!Object.keys(problems).length) $("problems")?.replaceChildren();
  });

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
    const before = kling.values ? {} : restored();
    for (const [name, value] of Object.entries(before)) if (at(name) >= 0) v[at(name)] = value;
    kling.values = v;
    const url = v[FIELDS.length];
    const picture = Boolean(v[at("image")] || url?.trim());
    const kind = picture ? v[at("image_reference")] ?? "" : "";
    const model = kling.rules[v[at("model_name")]?.trim?.() ?? ""] ?? kling.rules[""];
    const rule = model[picture ? `picture ${kind}`.trim() : ""];
    const changes = FIELDS.map((name) => {
      const change = verdict(name, rule);
      return name in before ? { ...change, value: before[name] } : change;
    });
    changes[at("aspect_ratio")] = choice("aspect_ratio", v, rule.ratios, rule);
    changes[at("resolution")] = choice("resolution", v, rule.resolutions, rule);
    kling.rule = rule;
    setTimeout(kling.count, 50); // once the new values are drawn
    hintAtImage();
    document.body.classList.toggle("with-picture", picture);
    describeModel(rule);
    return [...changes, update({ value: label(v[at("n")] ?? 1, rule) })];
  };

  // What was not sent yet survives a reload and a change of language; a first visit has a prompt.
  const TYPED = ["prompt", "negative_prompt", "image_fidelity", "human_fidelity", "callback_url",
    "external_task_id", "element_list"];
  addEventListener("pagehide", () => {
    if (!kling.values) return;
    const draft = Object.fromEntries(["model_name", "n", "aspect_ratio", "resolution", "image_reference"]
      .map((name) => [name, kling.values[at(name)]]));
    for (const name of TYPED) {
      const input = document.querySelector(`#field-${name} textarea, #field-${name} input`);
      if (input) draft[name] = input.type !== "number" ? input.value : input.value === "" ? null : Number(input.value);
    }
    draft.watermark_info = Boolean(document.querySelector("#field-watermark_info input")?.checked);
    try { sessionStorage.setItem("kling.draft", JSON.stringify(draft)); } catch { /* no storage here */ }
  });

  function restored() {
    try {
      const draft = JSON.parse(sessionStorage.getItem("kling.draft") ?? "null");
      if (draft) return draft;
    } catch { /* no storage here */ }
    return { prompt: kling.first_prompt };
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
    const choices = (offered.length ? offered : [now]).map((one) => [one, one]);
    return update({ choices, value, interactive: support !== "no" });
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
  function price(n, rule) {
    if (!kling.unit || rule.units == null) return "";
    const sign = { USD: "$", CNY: "¥" }[kling.unit.currency] ?? `${kling.unit.currency} `;
    const text = (kling.unit.amount * rule.units * n).toFixed(4).replace(/0{1,2}$/, "");
    return sign + text;
  }

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
