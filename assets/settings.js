// The settings: a drawer with the connection, the files and the money, and what this browser keeps.
const settings = (() => {
  const offset = () => -60 * new Date().getTimezoneOffset(); // seconds that this clock is before UTC's
  let drawer = null, account = null, how = null; // the open dialog, and parts that the studio fills

  function open() {
    if (drawer) return;
    account = make("div", { className: "account" });
    drawer = make("dialog", { id: "drawer", "aria-labelledby": "drawer-title" },
      make("div", { className: "inside" }, head(), connection(), ownKey(), adopting(), account, browser()));
    drawer.onclose = closed;
    drawer.onkeydown = (event) => event.stopPropagation(); // the page's own keys are not meant
    closeOutside(drawer);
    document.body.append(drawer);
    drawer.showModal();
    load();
  }

  function closed() {
    drawer?.remove();
    drawer = null;
    $("pill-settings")?.focus();
  }

  function closeOutside(dialog) { // a press that began inside, as to mark a text, is not meant
    let outside = false;
    dialog.onpointerdown = (event) => { outside = event.target === dialog; };
    dialog.onclick = (event) => { if (outside && event.target === dialog) dialog.close(); };
  }

  function head() {
    const close = button("×", () => drawer.close());
    close.className = "close";
    close.setAttribute("aria-label", say("close"));
    return make("header", {}, make("h2", { id: "drawer-title", textContent: say("settings") }), close);
  }

  const room = (name, ...inside) =>
    make("section", { "aria-label": name }, make("h3", { textContent: name }), ...inside);
  const line = (text, className = "note") => make("p", { className, textContent: text });
  function button(text, press) {
    const one = make("button", { type: "button", className: "button", textContent: text });
    one.onclick = press;
    return one;
  }

  async function ask(path, body) { // null where nobody answers
    const options = body && { method: "POST", body: JSON.stringify(body),
      headers: { "content-type": "application/json" } };
    const answer = await fetch(`${kling.routes}/account${path}`, options).catch(() => null);
    if (answer?.status === 403) return { refused: say("no_owner") };
    return answer?.ok ? answer.json().catch(() => null) : null;
  }

  // ── what the studio tells ────────────────────────────────────────────────────────────────
  async function load() {
    account.replaceChildren(line(say("loading")));
    const box = account, found = await ask(`?offset=${offset()}`);
    if (!found || found.refused) {
      const again = found?.refused ? null : button(say("try_again"), load);
      return box.replaceChildren(line(found?.refused ?? say("account_unheard"), "problem"), again ?? "");
    }
    const csv = `${kling.routes}/account/spending.csv?offset=${offset()}`;
    if (how) how.textContent = say(`mode_${found.mode}`);
    if (found.key) keyring.tell(found.key.ending);
    box.replaceChildren(
      room(say("files"), ...ledger.files(found.files)),
      room(say("spending"), ...ledger.spending(found.spending, csv)),
      room(say("prices"), ...ledger.prices(found.prices)));
  }

  // ── the connection ───────────────────────────────────────────────────────────────────────
  function connection() {
    const result = make("div", { role: "status" });
    const check = button(say("check"), async () => {
      check.disabled = true;
      result.replaceChildren(line(say("checking")));
      const found = await ask("/check", {});
      result.replaceChildren(...checked(found));
      check.disabled = false;
    });
    const word = kling.own_key ? "connected_own" : kling.live ? "connected_live" : "connected_demo";
    how = line("");
    return room(say("connection"), line(say(word, { host: kling.host }), ""), how, check, result);
  }

  function checked(found) {
    if (!found || found.refused) return [line(found?.refused ?? say("account_unheard"), "problem")];
    const rows = found.answered == null ? [] : [
      [say("answered"), known(found.answered)],
      [say("accepted"), known(found.accepted)],
      [say("latency"), `${ledger.count(found.milliseconds)} ms`],
      [say("listing"), known(found.listing)],
      [say("lookup"), known(found.lookup)],
      [say("deducting"), known(found.deduction)],
    ];
    const list = make("dl", { className: "facts" }, ...rows.flatMap(([name, value]) =>
      [make("dt", { textContent: name }), make("dd", { textContent: value })]));
    return [...(found.trouble ? [line(found.trouble, "problem")] : []), ...(rows.length ? [list] : [])];
  }

  const known = (fact) => (fact == null ? say("unseen") : say(fact ? "yes" : "no"));

  // ── a key of one's own ───────────────────────────────────────────────────────────────────
  function ownKey() {
    if (!kling.takes_keys) return "";
    const told = make("p", { role: "status", id: "key-told" });
    keyring.tell = (ending) => { told.textContent = say("key_held", { ending }); };
    const help = kling.together ? "key_help_ours" : kling.own_key ? "key_help_held" : "key_help";
    return room(say("own_key"), line(say(help)), ...(kling.own_key ? [told, forgetting()] : []), keyForm());
  }

  function forgetting() {
    const problem = make("p", { className: "problem", role: "alert" });
    const press = button(say("key_forget"), async () => {
      press.disabled = true;
      const heard = await keyring.forget();
      press.disabled = false;
      problem.textContent = heard ? "" : say("account_unheard");
    });
    press.id = "key-forget";
    return make("div", {}, press, problem);
  }

  function keyForm() {
    const field = make("input", { type: "password", id: "key-field", autocomplete: "off", spellcheck: false,
      "aria-describedby": "key-problem" });
    const problem = make("p", { id: "key-problem", className: "problem", role: "alert" });
    const keep = make("input", { type: "checkbox", id: "key-keep" });
    const press = make("button", { type: "submit", className: "button", id: "key-use", textContent: say("key_use") });
    const form = make("form", { id: "key-form" },
      make("label", { htmlFor: "key-field", textContent: say("key_field", { host: kling.key_host }) }),
      make("div", { className: "pair" }, field, press), problem,
      make("label", { className: "toggle" }, keep,
        make("span", {}, say("key_keep"), make("span", { className: "note", textContent: say("key_keep_help") }))));
    form.onsubmit = async (event) => {
      event.preventDefault();
      press.disabled = true;
      problem.textContent = "";
      const why = await keyring.bring(field.value, keep.checked);
      press.disabled = false;
      if (why === "") return (field.value = "");
      problem.textContent = why;
      field.setAttribute("aria-invalid", "true");
      field.focus();
    };
    field.oninput = () => { problem.textContent = ""; field.removeAttribute("aria-invalid"); };
    return form;
  }

  // ── a task that was made elsewhere ───────────────────────────────────────────────────────
  function adopting() {
    if (!kling.adopts) return "";
    const field = make("input", { type: "text", id: "adopt-id", required: true, autocomplete: "off", spellcheck: false,
      "aria-describedby": "adopt-problem" });
    const problem = make("p", { id: "adopt-problem", className: "problem", role: "alert" });
    const press = make("button", { type: "submit", className: "button", textContent: say("adopt_press") });
    const form = make("form", {}, make("label", { htmlFor: "adopt-id", textContent: say("adopt_id") }),
      make("div", { className: "pair" }, field, press), problem);
    form.onsubmit = async (event) => {
      event.preventDefault();
      press.disabled = true;
      const found = await ask("/adopt", { task_id: field.value });
      press.disabled = false;
      if (found?.task) return adopted(found.task);
      problem.textContent = found?.problem ?? found?.refused ?? say("account_unheard");
      field.setAttribute("aria-invalid", "true");
      field.focus();
    };
    field.oninput = () => { problem.textContent = ""; field.removeAttribute("aria-invalid"); };
    return room(say("adopt"), line(say("adopt_help")), form);
  }

  function adopted(id) {
    drawer?.close();
    select(id);
  }

  // ── what this browser keeps ──────────────────────────────────────────────────────────────
  const browser = () => room(say("browser"), defaults(), asks(), notifying(), embedding());

  const KEPT = ["model_name", "aspect_ratio", "n"];
  function kept() {
    try { return JSON.parse(kling.stored.get("defaults") || "null"); } catch { return null; }
  }

  function defaults() {
    const now = make("p", { role: "status" });
    const draw = () => set(now, say("defaults", { what: describe(kept()) }));
    const use = button(say("defaults_use"), () => { keep(currentForm()); draw(); });
    const reset = button(say("defaults_reset"), () => { keep(null); draw(); });
    draw();
    return make("div", { className: "defaults" }, now, make("div", { className: "pair" }, use, reset));
  }

  const keep = (values) => kling.stored.set("defaults", values ? JSON.stringify(values) : "");
  const currentForm = () => Object.fromEntries(
    KEPT.map((name) => [name, kling.values?.[kling.fields.indexOf(name)]]).filter(([, value]) => value != null));
  const describe = (values) => (values
    ? [values.model_name, values.aspect_ratio, values.n && images(values.n)].filter(Boolean).join(" · ")
    : say("defaults_none"));

  function asks() {
    if (!kling.ask) return null;
    const currency = kling.rule?.price?.[1] ?? "";
    const amount = ledger.money(kling.ask.money, currency);
    return line(say("asks", { n: ledger.count(kling.ask.pictures), amount }));
  }

  function toggle(name, help, on, change) {
    const input = make("input", { type: "checkbox", role: "switch", checked: on });
    const told = make("span", { className: "note", textContent: help });
    input.onchange = () => change(input, told);
    return make("label", { className: "toggle" }, input, make("span", {}, name, told));
  }

  function notifying() {
    const help = attention.able() ? say("notify_help") : say("notify_denied");
    const one = toggle(say("notify"), help, attention.wished(), async (input, told) => {
      const wished = input.checked;
      input.checked = await attention.wish(wished);
      told.textContent = say(wished && !input.checked ? "notify_denied" : "notify_help");
    });
    one.querySelector("input").disabled = !attention.able();
    return one;
  }

  const embedding = () => toggle(say("embed"), say("embed_help"), kling.stored.get("embed") !== "off",
    (input) => kling.stored.set("embed", input.checked ? "on" : "off"));

  document.addEventListener("click", (event) => {
    const add = event.target.closest?.("#banner-add-key, #problems .add-key");
    if (add || event.target.closest?.("#pill-settings")) open();
    if (add) $("key-field")?.focus();
  }, { signal: life.signal });
  life.signal.addEventListener("abort", () => drawer?.close());
  return { open };
})();
