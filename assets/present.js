// The presentation: pictures and nothing else. It is no dialog, because a dialog cannot be shown
// full screen; everything beside it is inert as long as it lasts.
const present = (() => {
  const CALM = 3000; // milliseconds until the words fade
  const NEXT = ["ArrowRight", "ArrowDown", "PageDown", " ", "Enter"];
  const BACK = ["ArrowLeft", "ArrowUp", "PageUp", "Backspace"];
  let show = null; // {box, slides, at, starred, …} while it lasts

  // ── what is shown ────────────────────────────────────────────────────────────────────────
  const slidesOf = (list) => list.flatMap((task) => task.pictures.map((picture, index) =>
    ({ picture, prompt: title(task), alt: say("picture_of", { n: index + 1, prompt: title(task) }) })));

  function selected() { // all of a comparison, row by row, where one is on the stage
    const task = current(), whole = comparison();
    if (!whole) return task ? [task] : [];
    return [...tasks.values()].filter((one) => one.cell?.comparison === whole)
      .sort((a, b) => a.cell.row - b.cell.row || a.cell.column - b.cell.column || a.created - b.created);
  }

  async function starred() {
    const found = new Map([...tasks].filter(([, task]) => task.starred));
    for (let page = { older: "" }, pages = 0; page && pages < 10; pages += 1) {
      const before = page.older && `&before=${page.older}`;
      const answer = await fetch(`${kling.routes}/tasks?filter=starred${before}`).catch(() => null);
      page = answer?.ok ? await answer.json() : null;
      for (const task of page?.tasks ?? []) if (task.starred) found.set(task.id, task);
      if (!page?.older) break;
    }
    return [...found.values()].sort((a, b) => b.created - a.created);
  }

  // ── begin and end ────────────────────────────────────────────────────────────────────────
  async function start(stars) {
    const slides = slidesOf(stars ? await starred() : selected());
    if (!slides.length) return sorry(say(stars ? "nothing_starred" : "nothing_to_present"));
    if (!show) open();
    Object.assign(show, { slides, starred: stars });
    drawSwitch();
    go(0);
    greet();
  }

  function open() {
    const [frame, caption, heard] = [make("div", { className: "frame" }), make("p", { className: "caption" }),
      make("span", { className: "sr-only", "aria-live": "polite" })];
    const box = make("div", { id: "present", role: "dialog", tabIndex: -1, "aria-modal": "true",
      "aria-label": say("present") }, frame, caption, heard);
    caption.setAttribute("aria-hidden", "true"); // `heard` says it
    const beside = [...document.body.children].filter((one) => !one.inert);
    show = { box, frame, caption, heard, beside, before: document.activeElement, slides: [], at: 0 };
    box.append(show.bar = bar());
    document.body.append(box);
    for (const one of beside) one.inert = true;
    listen(box);
    box.focus();
    box.requestFullscreen?.({ navigationUI: "hide" }).catch(() => { /* the window is enough */ });
  }

  function close() {
    if (!show) return;
    const { box, beside, before, calm } = show;
    show = null;
    clearTimeout(calm);
    if (document.fullscreenElement === box) document.exitFullscreen().catch(() => { /* it ended */ });
    box.remove();
    for (const one of beside) one.inert = false;
    (before?.isConnected && before !== document.body ? before : $("pill-present"))?.focus({ preventScroll: true });
  }

  function sorry(text) { // a polite word, and the page stays as it is
    if (show) {
      set(show.caption, text);
      return greet();
    }
    $("present-sorry")?.remove();
    const words = make("p", { id: "present-sorry", role: "status" });
    document.body.append(words);
    words.textContent = text;
    setTimeout(() => words.remove(), 4000);
  }

  // ── the first moment's bar ───────────────────────────────────────────────────────────────
  function bar() {
    const choice = [["present_task", false], ["present_starred", true]].map(([name, stars]) => {
      const one = make("button", { type: "button", textContent: say(name) });
      one.onclick = () => start(stars);
      return one;
    });
    const leave = make("button", { type: "button", className: "leave", textContent: "×",
      "aria-label": say("close") });
    leave.onclick = close;
    return make("div", { className: "bar" }, ...choice, leave);
  }

  function drawSwitch() {
    [...show.bar.querySelectorAll("button:not(.leave)")].forEach((one, index) =>
      one.setAttribute("aria-pressed", String(Boolean(index) === show.starred)));
  }

  function greet() { // the bar and the words, for a while
    show.box.classList.add("greeting");
    wake();
  }

  function wake() {
    if (!show) return;
    show.box.classList.add("awake");
    clearTimeout(show.calm);
    show.calm = setTimeout(() => show?.box.classList.remove("awake", "greeting"), CALM);
  }

  // ── one picture after the other ──────────────────────────────────────────────────────────
  function go(to) {
    const { slides, frame, caption, heard } = show;
    show.at = (to + slides.length) % slides.length;
    const slide = slides[show.at], image = make("img", { alt: "", draggable: false });
    image.onerror = () => drop(slide);
    image.onload = () => sharpen(image, slide);
    image.src = link(slide.picture.id, 1280);
    frame.replaceChildren(image);
    set(caption, slide.prompt);
    set(heard, slide.alt);
    wake();
  }

  async function sharpen(image, { picture }) { // the neighbours first, and the original once it is here
    image.onload = image.onerror = null;
    for (const step of [1, -1]) preload(show?.slides.at((show.at + step) % show.slides.length));
    const original = make("img", { src: link(picture.id) });
    const here = await original.decode().then(() => true, () => false);
    if (here && image.isConnected) image.src = original.src;
  }

  const preload = (slide) => slide && make("img", { src: link(slide.picture.id, 1280) });

  function drop(slide) { // its picture is gone
    if (!show) return;
    show.slides = show.slides.filter((one) => one !== slide);
    if (show.slides.length) go(Math.min(show.at, show.slides.length - 1));
    else close();
  }

  function move(step) {
    show.box.classList.remove("greeting");
    go(show.at + step);
  }

  // ── keys, clicks, swipes ─────────────────────────────────────────────────────────────────
  function press(event) {
    if (!show) return;
    event.stopImmediatePropagation(); // no key reaches the page behind
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { key } = event, onButton = event.target.closest?.("#present button");
    if (key === "Tab" || (onButton && (key === " " || key === "Enter"))) return greet();
    if (key === "Escape") close();
    else if (key === " " && event.shiftKey) move(-1);
    else if (NEXT.includes(key)) move(1);
    else if (BACK.includes(key)) move(-1);
    else if (key === "Home") go(0);
    else if (key === "End") go(show.slides.length - 1);
    else if (key.toLowerCase() === "p" && !event.repeat) start(event.shiftKey);
    else return;
    event.preventDefault();
  }

  function listen(box) {
    let from = null;
    box.onpointermove = wake;
    box.onpointerdown = (event) => { from = event.target.closest("button") ? null : event; };
    box.onpointercancel = () => { from = null; };
    box.onpointerup = (event) => {
      const begun = from;
      from = null;
      if (begun?.pointerId !== event.pointerId) return;
      point(event, event.clientX - begun.clientX, event.clientY - begun.clientY);
    };
    box.onfocusout = () => setTimeout(() => {
      if (show && !show.box.contains(document.activeElement)) show.box.focus();
    });
    box.onfullscreenchange = () => { if (!document.fullscreenElement) close(); }; // Escape ends both
  }

  function point(event, x, y) { // how far a finger went, or a click where it is
    const far = Math.max(Math.abs(x), Math.abs(y)) > 40;
    if (far && Math.abs(x) > Math.abs(y)) return move(x < 0 ? 1 : -1);
    if (far) return y > 0 && event.pointerType === "touch" ? close() : undefined;
    const place = event.clientX / innerWidth;
    if (place < 1 / 3) move(-1);
    else if (place > 2 / 3) move(1);
    else greet();
  }

  addEventListener("keydown", press, { capture: true, signal: life.signal });
  document.addEventListener("keydown", (event) => {
    const busy = kling.typing(event) || event.isComposing
      || event.repeat || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]");
    if (event.key.toLowerCase() !== "p" || busy || event.defaultPrevented) return;
    event.preventDefault();
    start(event.shiftKey);
  }, { signal: life.signal });
  document.addEventListener("click", (event) => {
    if (event.target.closest?.("#pill-present")) start(event.shiftKey);
  }, { signal: life.signal });
  life.signal.addEventListener("abort", close);
  return { start };
})();
