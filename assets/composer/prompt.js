// The prompt: its length, its variants, and what fills the form: chips, links, pictures of ours.
(() => {
  const $ = (id) => document.getElementById(id);

  // ── characters as the API counts them ──────────────────────────────────────────────────────
  kling.count = () => {
    for (const name of ["prompt", "negative_prompt"]) {
      const field = $(`field-${name}`), area = field?.querySelector("textarea");
      if (!area) continue;
      let counter = field.querySelector(":scope > .counter");
      counter ??= field.appendChild(Object.assign(document.createElement("span"), { className: "counter" }));
      const size = [...area.value].length, limit = kling.rule?.[name];
      const over = limit != null && size > limit && !area.disabled;
      counter.classList.toggle("over", over);
      counter.classList.toggle("near", !over && limit != null && size > limit * 0.9);
      counter.textContent = limit == null ? `${size}`
        : kling.say(over ? "characters_over" : "characters", { size, limit, excess: size - limit });
    }
    markStyles();
  };
  document.addEventListener("input", (event) => {
    if (event.target.closest?.("#field-prompt, #field-negative_prompt")) kling.count();
  });
  kling.filled = () => { // the prompts changed, perhaps by a program
    for (const name of ["prompt", "negative_prompt"]) {
      if (document.querySelector(`#field-${name} textarea`)?.value.trim()) kling.forget(name);
    }
    kling.count();
    return kling.label();
  };

  // ── {red|blue}: the labels of what it becomes, as `comparison.variants` makes them ─────────
  const CHOICE = /\{([^{}|]*(?:\|[^{}|]*)+)\}/g, ENOUGH = 37;
  kling.variants = (prompt) => {
    const choices = [...prompt.matchAll(CHOICE)].map((found) => found[1].split("|").map((word) => word.trim()));
    let read = choices.length ? [[]] : [];
    for (const words of choices) {
      read = read.flatMap((before) => words.map((word) => [...before, word])).slice(0, ENOUGH);
    }
    return [...new Set(read.map((words) => words.filter(Boolean).join(" · ") || "–"))];
  };

  // ── filling the form: what is not named is left blank ──────────────────────────────────────
  const form = (values) => kling.fields.map((name) => {
    if (name in values) return values[name];
    if (name === "image") return null;
    if (name.startsWith("compare_")) return [];
    if (name === "model_name") return kling.values?.[kling.fields.indexOf(name)];
    return kling.blank[name] ?? "";
  });
  let next = null; // what the hidden button puts into the form
  kling.fillWith = (values) => {
    next = values;
    $("fill")?.click();
  };
  kling.filling = () => form(next ?? {});
  kling.example = (index) => form(kling.examples[index]);

  const partsOf = (prompt) => (prompt ?? "").split(/\s*[,，]\s*/).filter(Boolean);
  function markStyles() {
    const parts = partsOf($("field-prompt")?.querySelector("textarea")?.value);
    document.querySelectorAll("#styles .style").forEach((chip, index) => {
      const on = parts.includes(kling.styles[index]);
      chip.classList.toggle("on", on);
      chip.setAttribute("aria-pressed", String(on));
    });
  }

  kling.style = (prompt, index) => { // a second click takes it away
    const style = kling.styles[index], comma = kling.lang === "zh" ? "，" : ", ";
    const parts = partsOf(prompt);
    if (parts.includes(style)) return parts.filter((part) => part !== style).join(comma);
    return (prompt ?? "").trim() ? `${prompt.trim().replace(/[,，]$/, "")}${comma}${style}` : style;
  };

  // ── a link of ours: behind the #, so that no server hears it ───────────────────────────────
  const allowed = (values) => Object.fromEntries(Object.entries(values)
    .filter(([name, value]) => kling.shared.includes(name) && value !== "" && value != null));
  kling.linkTo = (request) => {
    const values = Object.entries(allowed(request)).map(([name, value]) => [name, String(value)]);
    return `${location.origin}${location.pathname}#${new URLSearchParams(values)}`;
  };
  const READ = { n: (word) => Math.min(9, Math.max(1, Number.parseInt(word, 10) || 1)), watermark_info: (word) => word === "true" };
  kling.linked = () => {
    const given = allowed(Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
    if (!Object.keys(given).length) return null;
    history.replaceState(null, "", location.pathname + location.search);
    const read = Object.entries(given).map(([name, word]) => [name, READ[name]?.(word) ?? word]);
    return { ...kling.blank, image: null, image_url: "", ...Object.fromEntries(read) };
  };
  addEventListener("hashchange", () => {
    const values = kling.linked();
    if (values) kling.fillWith(values);
  });

  // ── a picture made here, dropped on the prompt, brings its settings back ───────────────────
  const MARK = "kling-image-studio:", END = ":end";
  document.addEventListener("dragover", (event) => {
    if (event.target.closest?.("#field-prompt")) event.preventDefault();
  });
  document.addEventListener("drop", async (event) => {
    const file = event.target.closest?.("#field-prompt") && event.dataTransfer?.files?.[0];
    if (!file) return;
    event.preventDefault();
    const values = await settingsIn(file);
    if (values) kling.fillWith(values);
    else kling.complain("prompt", kling.say("no_settings"));
  });

  async function settingsIn(file) {
    try {
      const bytes = new Uint8Array(await file.slice(0, 1 << 25).arrayBuffer());
      const text = new TextDecoder("latin1").decode(bytes);
      const from = text.indexOf(MARK), to = text.indexOf(END, from);
      if (from < 0 || to < 0) return null;
      const packed = Uint8Array.from(atob(text.slice(from + MARK.length, to)), (c) => c.charCodeAt(0));
      return allowed(JSON.parse(new TextDecoder().decode(packed)).request);
    } catch { return null; }
  }
})();
