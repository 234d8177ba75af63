// What a model cannot take is switched off here: Python made the table, the browser applies it.
(() => {
  const at = (name) => kling.fields.indexOf(name);
  const update = (changes) => ({ __type__: "update", ...changes });
  const $ = (id) => document.getElementById(id);
  const COMPARED = ["compare_models", "compare_ratios"];

  let pictured = false; // whether there was a picture until now
  const wanted = {}, given = {}; // what the person chose, and what stands there while a model lacks it
  kling.adapt = (v) => {
    const first = !kling.values, draft = first ? kling.draft() : {};
    if (!kling.values && kling.anyLost()) setTimeout(kling.unheardPress, 50);
    for (const [name, value] of Object.entries(draft)) if (at(name) >= 0) v[at(name)] = value;
    kling.values = v;
    const rule = kling.rule = ruleOf(v[at("model_name")]);
    const changes = kling.fields.map((name) => {
      const change = COMPARED.includes(name) ? update({}) : verdict(name, rule);
      return name in draft ? { ...change, value: draft[name] } : change;
    });
    changes[at("aspect_ratio")] = choice("aspect_ratio", v, rule.ratios, rule);
    changes[at("resolution")] = choice("resolution", v, rule.resolutions, rule);
    if (kling.most_pictures) changes[at("n")] = fewer(v, rule);
    setTimeout(kling.count, 50); // once the new values are drawn
    document.querySelectorAll("#composer fieldset.field:not([aria-label])").forEach(join);
    aroundThePicture(v);
    describeModel(rule);
    const without = tableOf(v[at("model_name")])[""].resolutions.length;
    if (rule.resolutions.length && rule.resolutions.length < without) {
      note("resolution", "hint", kling.say("size_with_picture", { size: rule.resolutions.join(", ") }));
    }
    COMPARED.forEach((name, index) => overrule(name, ["model_name", "aspect_ratio"][index], v, changes));
    countTicks(v, first);
    kling.judgeSoon();
    return [...changes, update({ value: label() })];
  };

  // What is ticked to be compared goes before what is chosen above.
  function overrule(compared, name, v, changes) {
    const ticked = v[at(compared)] ?? [];
    if (ticked.length) {
      changes[at(name)] = { ...changes[at(name)], interactive: false };
      note(name, "no", kling.say("compare_decides", { names: ticked.join(", ") }));
    }
  }

  function countTicks(v, open) {
    const ticks = COMPARED.reduce((sum, one) => sum + (v[at(one)] ?? []).length, 0);
    const fold = $("compare"), head = fold?.querySelector(".fold-head");
    if (head) head.dataset.count = ticks || "";
    if (fold && ticks && open) kling.openFold(fold, true);
  }

  function situation() {
    const v = kling.values, picture = Boolean(v[at("image")] || v[at("image_url")]?.trim());
    const kind = picture ? v[at("image_reference")] ?? "" : "";
    return picture ? `picture ${kind}`.trim() : "";
  }

  const tableOf = (model) => { // also of one that is called like what every object has
    const name = model?.trim?.() ?? "";
    return Object.hasOwn(kling.rules, name) ? kling.rules[name] : kling.rules[""];
  };
  const ruleOf = (model) => tableOf(model)[situation()];

  function aroundThePicture(v) {
    const field = $("field-image"), url = v[at("image_url")]?.trim();
    if (field && !field.querySelector(":scope > .counter")) {
      field.append(Object.assign(document.createElement("span"),
        { className: "counter", textContent: kling.say("image_hint") }));
    }
    document.body.classList.toggle("with-picture", Boolean(situation()));
    note("image_url", "hint", v[at("image")] && url ? kling.say("url_unused") : "");
    if (pictured && !v[at("image")]) kling.forget("image");
    pictured = Boolean(v[at("image")]);
  }

  function verdict(name, rule) {
    const [support, reason] = rule.fields[name] ?? ["yes", ""];
    note(name, support, reason);
    return update({ interactive: support !== "no" });
  }

  function choice(name, v, offered, rule, nearest = offered[0]) {
    const now = v[at(name)], choices = offered.length ? offered : ["1k"];
    if (now !== given[name]) wanted[name] = now;
    const value = [wanted[name], now, nearest ?? choices[0]].find((one) => choices.includes(one));
    v[at(name)] = given[name] = value;
    const [support] = rule.fields[name] ?? ["yes"], free = offered.length > 0 && support !== "no";
    return update({ choices: choices.map((one) => [String(one), one]), value, interactive: free });
  }

  function fewer(v, rule) { // than Kling would draw at once
    const most = kling.most_pictures;
    note("n", "hint", kling.say("most_pictures", { limit: most }));
    return choice("n", v, Array.from({ length: most }, (_, index) => index + 1), rule, most);
  }

  function join(group) { // Gradio gives each choice a name of its own, and arrows lead nowhere
    const name = () => {
      for (const one of group.querySelectorAll("input[type=radio]")) if (one.name !== group.id) one.name = group.id;
    };
    name();
    group.ariaLabel = group.querySelector("[data-testid=block-info]")?.textContent.trim();
    new MutationObserver(name).observe(group, { subtree: true, childList: true, attributeFilter: ["name"] });
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
    const each = rule.price && kling.money(...rule.price);
    const status = rule.status === "retired" || rule.status === "gateway" ? kling.say(rule.status) : "";
    const parts = [rule.character, each && kling.say("per_image", { price: each }), status];
    const named = kling.values[at("model_name")]?.trim?.(); // without one, that is what is wrong
    const told = named ? parts.filter(Boolean).join(" · ") : "";
    note("model_name", rule.status === "current" ? "hint" : "doubtful", told);
  }

  // ── price and button ───────────────────────────────────────────────────────────────────────
  kling.money = (amount, currency) => { // at least cents, and no idle zeros
    const [whole, cents] = amount.toFixed(4).replace(/0+$/, "").split(".");
    const sign = { USD: "$", CNY: "¥" }[currency] ?? `${currency} `;
    return `${sign}${whole}.${cents.padEnd(2, "0")}`;
  };

  function label() {
    const order = kling.order = ordered();
    const [left, right] = [$("hint-keys"), $("hint-price")];
    if (left) left.textContent = kling.say("shortcut");
    if (right) right.textContent = kling.left ? kling.say("left", kling.left) : explained(order);
    note("prompt", "hint", order.prompts.length > 1
      ? kling.say("variants", { n: order.prompts.length, words: order.prompts.join(" / ") }) : "");
    const price = order.price ? `≈ ${order.price}` : kling.say("price_unknown");
    return `${kling.say("generate", { n: order.pictures })} · ${price}`;
  }
  kling.label = () => (kling.values ? label() : update({}));

  function ordered() { // what a press would ask for
    const v = kling.values, n = v[at("n")] ?? 1;
    const [models, ratios] = COMPARED.map((name) => v[at(name)] ?? []);
    const names = models.length ? models : [v[at("model_name")]];
    const prompts = kling.variants(entered("prompt") ?? v[at("prompt")] ?? "");
    const times = Math.max(prompts.length, 1) * Math.max(ratios.length, 1);
    const each = names.map((name) => ruleOf(name).price);
    const known = each.every((price) => price && price[1] === each[0][1]);
    const money = known ? each.reduce((sum, [amount]) => sum + amount, 0) * times * n : 0;
    return {
      prompts, tasks: times * names.length, pictures: times * names.length * n, money,
      price: known ? kling.money(money, each[0][1]) : "", each: each[0], n,
    };
  }

  function explained(order) {
    if (order.tasks > 1) return kling.say("in_tasks", { tasks: order.tasks, n: order.n });
    return !order.price ? "" : kling.say("estimate", { n: order.n, each: kling.money(...order.each) });
  }

  // ── what was not sent yet survives a reload and a change of language ───────────────────────
  addEventListener("pagehide", () => {
    if (!kling.values) return;
    const draft = kling.fields.map((name) => [name, entered(name) ?? kling.values[at(name)]]);
    kling.tab.set("draft", JSON.stringify(Object.fromEntries(draft)));
  });

  function entered(name) { // `kling.adapt` hears of the other fields' changes only
    if (COMPARED.includes(name)) return null;
    const field = $(`field-${name}`);
    return field?.querySelector("textarea")?.value ?? field?.querySelector("input[type=checkbox]")?.checked;
  }

  kling.draft = () => {
    const linked = kling.linked();
    if (linked) return linked;
    try {
      const kept = JSON.parse(kling.tab.get("draft"));
      if (kept) return kept;
    } catch { /* a first visit */ }
    return { prompt: kling.first_prompt, ...ownDefaults() };
  };

  function ownDefaults() {
    try {
      const own = JSON.parse(kling.stored.get("defaults")) ?? {};
      return Object.fromEntries(Object.entries(own)
        .filter(([name, value]) => ["model_name", "n", "aspect_ratio"].includes(name) && value));
    } catch { return {}; }
  }

  // Enter takes the model's name as it was typed, not the first of the list that begins like it.
  let typed = false; // or pasted, and nothing pointed at in the list since
  const inModel = (event) => event.target.closest?.("#field-model_name");
  document.addEventListener("input", (event) => { typed = Boolean(inModel(event)); }, true);
  document.addEventListener("keydown", (event) => {
    if (!inModel(event)) return;
    if (event.key === "Enter" && typed) {
      event.preventDefault();
      event.stopImmediatePropagation();
      event.target.blur();
    }
    if (event.key === "Enter" || event.key.startsWith("Arrow")) typed = false;
  }, true);
})();
