// What was made, what it cost and what it costs, for the settings; numbers as the page's language
// writes them.
const ledger = (() => {
  const locale = document.documentElement.lang;
  const count = (n) => new Intl.NumberFormat(locale).format(n);
  const date = (day, style) => // of a day like 2026-11-22
    new Intl.DateTimeFormat(locale, { ...style, timeZone: "UTC" }).format(new Date(`${day}T00:00Z`));

  function money(amount, currency) {
    const digits = { minimumFractionDigits: 2, maximumFractionDigits: 4 };
    const style = { style: "currency", currency, currencyDisplay: "narrowSymbol" };
    try { return new Intl.NumberFormat(locale, { ...digits, ...style }).format(amount); }
    catch { // an operator's own currency
      return `${new Intl.NumberFormat(locale, digits).format(amount)} ${currency}`.trim();
    }
  }

  function size(bytes) {
    const unit = bytes < 1e9 ? "megabyte" : "gigabyte", scale = bytes < 1e9 ? 1e6 : 1e9;
    return new Intl.NumberFormat(locale, { style: "unit", unit, maximumFractionDigits: 1 }).format(bytes / scale);
  }

  function table(head, rows) { // a cell is text or a node; the first two of a row are words
    const cell = (tag, content) => make(tag, tag === "th" ? { scope: "col" } : {}, content);
    const scroll = make("div", { className: "table", tabIndex: 0 }, make("table", {},
      make("thead", {}, make("tr", {}, ...head.map((name) => cell("th", name)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((one) => cell("td", one)))))));
    return scroll;
  }

  // ── files ────────────────────────────────────────────────────────────────────────────────
  function files({ pictures, bytes, free, folder }) {
    const told = { n: count(pictures), size: size(bytes) };
    const lines = [say(pictures === 1 ? "kept_one" : "kept", told)];
    if (free != null) lines.push(say("free", { size: size(free) }));
    if (folder) lines.push(say("folder", { folder }));
    return lines.map((text) => make("p", { textContent: text }));
  }

  // ── spending ─────────────────────────────────────────────────────────────────────────────
  function spending({ today, week, month, days }, csv) {
    const sums = [[say("spent_today"), today], [say("spent_week"), week], [say("spent_month"), month]];
    const paid = days.some((one) => !one.demo), demo = days.some((one) => one.demo);
    return [
      ...(paid || kling.live ? [totals(sums, days, false), note(say("spending_live"))] : []),
      ...(demo || !kling.live ? [totals(sums, days, true), note(say("spending_demo"), "demo")] : []),
      days.length ? daily(days) : note(say("nothing_spent")),
      make("a", { href: csv, download: "", className: "button", textContent: say("export") }),
    ];
  }

  const note = (text, kind = "") => make("p", { className: `note ${kind}`.trim(), textContent: text });

  function totals(sums, days, demo) {
    const one = sums.flatMap(([, list]) => list).find((spend) => spend.demo === demo);
    const unknown = days.some((day) => day.demo === demo && day.amount == null);
    const nothing = one ? money(0, one.currency) : unknown ? say("unknown") : count(0);
    return make("dl", { className: `sums${demo ? " demo" : ""}` }, ...sums.map(([name, list]) => {
      const own = list.filter((one) => one.demo === demo).map((one) => money(one.amount, one.currency));
      return make("div", {}, make("dt", { textContent: name }),
        make("dd", { textContent: own.join(" + ") || nothing }));
    }));
  }

  function daily(days) {
    const units = days.some((one) => one.units != null);
    const head = [say("col_day"), say("col_model"), say("col_tasks"), say("col_pictures"), say("col_estimate")];
    const rows = days.map((one, index) => [
      days[index - 1]?.day === one.day ? "" : date(one.day, { month: "short", day: "numeric" }),
      named(one), count(one.tasks), count(one.pictures),
      one.amount == null ? say("unknown") : money(one.amount, one.currency),
      ...(units ? [one.units == null ? "–" : count(one.units)] : []),
    ]);
    const unitsHead = make("abbr", { title: say("units_title"), textContent: say("col_units") });
    return table(units ? [...head, unitsHead] : head, rows);
  }

  const named = (one) => make("span", {}, one.model || "–",
    one.demo ? make("span", { className: "tag", textContent: say("demo") }) : null);

  // ── prices ───────────────────────────────────────────────────────────────────────────────
  function prices({ source, as_of, models }) {
    const where = { file: "prices_file", list: "prices_list", unknown: "prices_unknown" }[source];
    const told = say(where, { date: date(as_of, { dateStyle: "medium" }) });
    const each = (model, kind) => (kind in model ? price(model[kind]) : "–");
    return [note(source === "unknown" ? told : `${say("prices_note")}${kling.lang === "zh" ? "" : " "}${told}`),
      table([say("col_model"), say("col_text"), say("col_picture")],
        models.map((one) => [one.model, each(one, "text"), each(one, "picture")]))];
  }

  const price = (one) => (one ? money(one.amount, one.currency) : say("unknown"));

  return { count, money, files, spending, prices };
})();
