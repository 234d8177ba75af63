// The press of Generate: one number, one task; and the question before an expensive one.
(() => {
  const $ = (id) => document.getElementById(id);

  // Each press has a number of its own, and the studio makes one task of a number. What got no
  // answer may be a task all the same: the same form pressed again is that press again. It
  // outlives a reload, because Gradio reloads the page when it lost the connection.
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

  // The second click of a double click is no second order, nor is a key pressed twice as quickly.
  // Gradio takes a press late, as after an upload, or never, as when the server has just stopped:
  // what is then taken without a click between is one order, however often it was pressed.
  const TWICE = 500, LATE = 3000; // milliseconds
  let last = null, byKey = false, clicks = 0, taken = 0; // `last` to be taken: {nonce, form, at, clicks}

  kling.pressed = (values, k) => {
    taken += 1;
    const asked = values.filter((_, index) => index !== k);
    const form = JSON.stringify(asked.map((value) => value?.path ?? value ?? ""));
    const repeated = last?.form === form
      && (last.clicks === clicks || (byKey && Date.now() - last.at < TWICE)) ? last : null;
    const same = presses.find((press) => press.lost && press.form === form) ?? repeated;
    const press = { nonce: same?.nonce ?? kling.number(), form, lost: false };
    last = { ...press, at: Date.now(), clicks };
    remember([...presses.filter((one) => one.nonce !== press.nonce), press]);
    setTimeout(() => lose(press), document.body.classList.contains("offline") ? 500 : kling.patience);
    values[k] = press.nonce;
    return values;
  };

  function lose(press) {
    if (press.lost || !presses.includes(press)) return;
    press.lost = true;
    remember(presses);
    kling.unheardPress();
  }
  kling.failed = () => {
    presses.forEach(lose);
    kling.whyUnheard?.();
  };
  kling.anyLost = () => presses.length > 0;

  kling.answered = (nonce) => { // what was lost before it is no longer worried about
    const place = presses.findIndex((press) => press.nonce === nonce);
    remember(presses.filter((press, index) => index > place || (index < place && !press.lost)));
  };

  let agreed = false;
  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("#generate")) return;
    const held = kling.heldBack();
    if (held || event.detail > 1 || (!agreed && expensive())) {
      event.stopImmediatePropagation();
      if (!held && event.detail <= 1) ask();
    } else {
      byKey = !event.detail;
      clicks += 1;
      taking();
    }
    agreed = false;
  }, true);

  function taking() {
    const before = taken;
    setTimeout(() => {
      if (taken === before) kling.unheardPress();
    }, LATE);
  }

  const expensive = () => kling.order && kling.ask
    && (kling.order.pictures > kling.ask.pictures || kling.order.money > kling.ask.money);

  async function ask() {
    const words = kling.say(kling.order.price ? "ask_body" : "ask_unknown",
      { n: kling.order.pictures, price: kling.order.price });
    const yes = await kling.question({
      title: kling.say("ask_title"), body: words, yes: $("generate").textContent, kind: "generate",
    });
    if (!yes) return;
    agreed = true;
    $("generate").click();
  }

  // ── questions, to which anything but yes is no ──────────────────────────────────────────────
  // `still` says whether there is still something to ask about.
  let open = null;
  kling.reconsider = () => { if (open && !open.still()) open.dialog.close(); };
  kling.question = ({ title, body, yes, kind, still = () => true }) => new Promise((answer) => {
    if (open) return answer(false);
    const make = (tag, properties, ...children) => {
      const node = Object.assign(document.createElement(tag), properties);
      node.append(...children);
      return node;
    };
    const no = make("button", { type: "button", textContent: kling.say("not_now") });
    const agree = make("button", { type: "button", className: `yes ${kind}`, textContent: yes });
    const dialog = make("dialog", { id: "sure" }, make("b", { id: "sure-title", textContent: title }),
      make("p", { textContent: body }), make("div", {}, no, agree));
    dialog.setAttribute("aria-labelledby", "sure-title");
    no.onclick = () => dialog.close();
    agree.onclick = () => dialog.close("yes");
    dialog.onclose = () => {
      open = null;
      dialog.remove();
      answer(dialog.returnValue === "yes");
    };
    open = { dialog, still };
    document.body.append(dialog);
    dialog.showModal();
  });

  kling.typing = ({ target }) => // a choice takes no letters
    target.closest?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]");
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing && !event.repeat) {
      event.preventDefault();
      $("generate")?.click();
    } else if (event.key === "/" && !kling.typing(event) && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      document.querySelector("#field-prompt textarea")?.focus();
    }
  });
})();
