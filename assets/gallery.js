// Gradio's gallery on the stage, and what Gradio names in English only.
// One question at a time: answers of two could come in the wrong order, and show a task's pictures
// under another's name.
const SOON = 300; // milliseconds in which others of a task's pictures may come
let shown = "", shownTask = null, asking = null, question = 0, givingUp = null, soon = 0;
function showPictures(task, now = false) {
  const key = task ? [task.id, task.pictures.map((one) => one.id).join(), task.over].join("|") : "examples";
  const stale = shownTask !== (task?.id ?? ""), filled = !stale && key !== shown && filledIn(task);
  $("stage").classList.toggle("stale", stale);
  $("stage").classList.toggle("filling", filled);
  if (!heard || key === shown || asking !== null) return;
  if (filled && !now) {
    soon ||= setTimeout(() => { soon = 0; if (!comparison()) showPictures(current(), true); }, SOON);
    return;
  }
  asking = key;
  closePreview();
  givingUp = setTimeout(() => { asking = null; drawStage(); }, 5000); // and asked again
  trigger("show", { task_id: task?.id ?? "", question: ++question });
}
kling.showed = (answered) => { // the gallery has what was asked for
  if (asking === null || answered !== question) return;
  clearTimeout(givingUp);
  [shown, asking] = [asking, null];
  shownTask = shown === "examples" ? "" : shown.split("|")[0];
  drawStage();
};

// A picture that came takes its placeholder's place at once; Gradio hears of it a moment later.
function filledIn(task) {
  const places = document.querySelectorAll("#stage-gallery .grid-container .thumbnail-item img");
  return task?.pictures.every(({ id, position }) => {
    const place = places[position];
    if (place?.src.includes("/placeholder/")) place.src = link(id, places.length > 1 ? 480 : 1280);
    return place?.src.includes(id);
  }) ?? false;
}

function closePreview() {
  const escape = new KeyboardEvent("keydown", { key: "Escape", code: "Escape", bubbles: true });
  document.querySelector("#stage-gallery .preview")?.dispatchEvent(escape);
}

const onePicture = () => { // the one that is looked at closely, else the first
  const small = [...document.querySelectorAll("#stage-gallery .preview .thumbnail-small")];
  return Math.max(0, small.findIndex((one) => one.classList.contains("selected")));
};

// ── in the page's language ───────────────────────────────────────────────────────────────────
const NAMED = ["aria-label", "title"];
const OF = /^Thumbnail (\d+) of (\d+)$/;

function translate(node) {
  for (const name of NAMED) {
    const given = node.getAttribute(name), [, n, of] = OF.exec(given ?? "") ?? [];
    const known = Object.hasOwn(kling.words.gradio, given) ? kling.words.gradio[given] : "";
    const words = n ? say("picture_n_of", { n, of }) : known;
    if (words && words !== given) node.setAttribute(name, words);
  }
}

const translation = new MutationObserver((changes) => {
  for (const { type, target, addedNodes } of changes) {
    if (type === "attributes") translate(target);
    else for (const node of addedNodes) translateAll(node);
  }
});
const translateAll = (root) => {
  if (root.nodeType !== Node.ELEMENT_NODE) return;
  for (const node of [root, ...root.querySelectorAll("[aria-label], [title]")]) translate(node);
};
for (const root of [$("composer"), $("stage")].filter(Boolean)) {
  translateAll(root);
  translation.observe(root, { subtree: true, childList: true, attributes: true, attributeFilter: NAMED });
}
life.signal.addEventListener("abort", () => translation.disconnect());
