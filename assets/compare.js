// A comparison on the stage: a grid with labels, whose cells fill as they finish.
const latest = (id) => groupAt(`g:${id}`);

function gridOf(id) { // rows and columns of labels, and in each place its latest task
  const rows = [], columns = [], places = new Map();
  for (const task of latest(id)) {
    rows[task.cell.row] = task.cell.row_label;
    columns[task.cell.column] = task.cell.column_label;
    places.set(`${task.cell.row} ${task.cell.column}`, task);
  }
  return { rows: [...rows], columns: [...columns], places };
}

let gridDrawn = "";
function drawGrid(id) {
  const box = $("stage-grid");
  if (!box) return;
  box.hidden = !id;
  if (!id) return;
  const grid = gridOf(id);
  const key = JSON.stringify([id, grid.rows, grid.columns, [...grid.places].map(([place, task]) =>
    [place, task.id, task.pictures, task.over, task.trouble?.title])]);
  if (key !== gridDrawn) {
    gridDrawn = key;
    box.style.setProperty("--columns", grid.columns.length);
    box.classList.toggle("labelled", grid.rows.some(Boolean));
    box.replaceChildren(...lines(grid));
  }
  tickGrid(grid);
}

function lines({ rows, columns, places }) {
  const labelled = rows.some(Boolean);
  const head = columns.some(Boolean) ? [
    ...(labelled ? [make("span")] : []),
    ...columns.map((label) => make("span", { className: "label", textContent: label ?? "", title: label ?? "" })),
  ] : [];
  return [...head, ...rows.flatMap((label, row) => [
    ...(labelled ? [make("span", { className: "label", textContent: label ?? "", title: label ?? "" })] : []),
    ...columns.map((_, column) => cell(places.get(`${row} ${column}`))),
  ])];
}

function cell(task) {
  if (!task) return make("span", { className: "cell" });
  const shown = nothingToShow(task) ? [trouble(task)] : placesOf(task).slice(0, 4).map(tile);
  const inside = make("span", { className: "mosaic" }, ...shown);
  inside.dataset.count = inside.children.length;
  const state = make("span", { className: "state" });
  const button = make("button", { type: "button", className: "cell" }, inside, state);
  button.dataset.task = task.id;
  button.style.setProperty("--ratio", shape(task).join(" / "));
  button.onclick = () => select(task.id);
  return button;
}

function tickGrid({ places }) {
  for (const task of places.values()) {
    const button = document.querySelector(`#stage-grid [data-task="${task.id}"]`);
    if (!button) continue;
    const place = [task.cell.row_label, task.cell.column_label].filter(Boolean).join(" · ");
    button.setAttribute("aria-label", `${place}${kling.lang === "zh" ? "：" : ": "}${stateWord(task)}`);
    const state = button.querySelector(".state");
    state.className = `state ${tone(task)}`;
    state.hidden = task.state === "succeeded";
    set(state, stateText(task));
  }
}

function drawGridHead(head, id) {
  const cells = latest(id), over = cells.filter((task) => task.over).length;
  const failed = cells.filter((task) => task.over && task.state !== "succeeded").length;
  const tone = over < cells.length ? "run" : failed ? "warn" : "ok";
  const prompts = [...new Set(cells.map(title))];
  head.replaceChildren(
    make("span", { className: `state ${tone}`, id: "stage-state", textContent: say("cells", { n: over, of: cells.length }) }),
    make("b", { textContent: prompts[0] ?? "", title: prompts.join("\n") }),
    make("span", { className: "meta", textContent: say("comparison") }));
}

// ── the whole grid as one picture, drawn here with the page's own fonts ──────────────────────
const CELL = 512, GAP = 16, LABEL = 44;
kling.exportGrid = async () => {
  const id = comparison(), grid = gridOf(id);
  if (!id) return;
  const heights = grid.rows.map((_, row) => Math.max(...grid.columns.map((_, column) => {
    const task = grid.places.get(`${row} ${column}`);
    const [w, h] = task ? shape(task) : [1, 1];
    return Math.min(CELL * h / w, CELL * 1.5);
  })));
  const left = grid.rows.some(Boolean) ? 200 : GAP, top = 64 + (grid.columns.some(Boolean) ? LABEL : 0);
  const canvas = make("canvas", {
    width: left + grid.columns.length * (CELL + GAP),
    height: top + heights.reduce((sum, height) => sum + height + GAP, 0),
  });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = "#101828";
  pen.textBaseline = "middle";
  written(pen, title(latest(id)[0]), GAP, 32, canvas.width - 2 * GAP, "600 22px");
  grid.columns.forEach((label, column) =>
    written(pen, label ?? "", left + column * (CELL + GAP), top - LABEL / 2, CELL, "600 18px"));
  let y = top;
  for (const [row, label] of grid.rows.entries()) {
    written(pen, label ?? "", GAP, y + heights[row] / 2, left - 2 * GAP, "600 18px");
    for (const column of grid.columns.keys()) {
      const task = grid.places.get(`${row} ${column}`);
      await painted(pen, task, left + column * (CELL + GAP), y, heights[row]);
    }
    y += heights[row] + GAP;
  }
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const anchor = make("a", { href: URL.createObjectURL(blob), download: `comparison-${id.slice(0, 6)}.png` });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(anchor.href), 10000);
};

function written(pen, words, x, y, width, font) {
  pen.font = `${font} ${getComputedStyle(document.body).fontFamily}`;
  let text = words;
  while (text && pen.measureText(text).width > width) text = `${text.replace(/…$/, "").slice(0, -1)}…`;
  pen.fillText(text, x, y);
}

async function painted(pen, task, x, y, height) {
  pen.save();
  pen.fillStyle = "#eef2f6";
  pen.fillRect(x, y, CELL, height);
  pen.fillStyle = "#5d6a7e";
  const pictures = task?.pictures ?? [];
  if (!pictures.length) written(pen, task ? stateWord(task) : "", x + GAP, y + height / 2, CELL - 2 * GAP, "16px");
  const across = Math.ceil(Math.sqrt(pictures.length)) || 1, down = Math.ceil(pictures.length / across);
  for (const [index, picture] of pictures.entries()) {
    const image = await loaded(link(picture.id, 1280));
    const w = CELL / across, h = height / down;
    if (image) fitted(pen, image, x + (index % across) * w, y + Math.floor(index / across) * h, w, h);
  }
  pen.restore();
}

function fitted(pen, image, x, y, width, height) { // whole, in the middle of its place
  const scale = Math.min(width / image.width, height / image.height);
  const [w, h] = [image.width * scale, image.height * scale];
  pen.drawImage(image, x + (width - w) / 2, y + (height - h) / 2, w, h);
}

const loaded = (src) => new Promise((done) => {
  const image = make("img", { src });
  image.onload = () => done(image);
  image.onerror = () => done(null);
});
