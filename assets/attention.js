// What calls a person back to a tab in the background: the title counts finished tasks, and a
// desktop notification tells of each where that is wished for.
const attention = (() => {
  const running = new Set(); // ids of tasks that were seen before they were over
  let unseen = 0, notes = [];

  function noticed(task) {
    if (!task.over) return running.add(task.id);
    const finished = running.delete(task.id) && task.state !== "cancelled"; // a person knows of that
    if (!finished || !document.hidden) return;
    unseen += 1;
    drawTitle();
    notify(task);
  }

  function drawTitle() {
    document.title = unseen ? `(${unseen}) ${say("title")}` : say("title");
  }

  const able = () => "Notification" in window;
  const wished = () => kling.stored.get("notify") === "on" && able() && Notification.permission === "granted";

  async function wish(on) { // whether it is so from now on
    const allowed = on && able() && (await Notification.requestPermission().catch(() => "")) === "granted";
    kling.stored.set("notify", allowed ? "on" : "off");
    return allowed;
  }

  function notify(task) {
    if (!wished()) return;
    const [picture] = task.pictures;
    const icon = picture && new URL(link(picture.id, 480), document.baseURI).href;
    try { // a telephone's browser has the class, and refuses to make one
      const one = new Notification(stateWord(task), { body: title(task), tag: task.id, ...(icon ? { icon } : {}) });
      one.onclick = () => { window.focus(); select(task.id); one.close(); };
      notes.push(one);
    } catch { /* the title counts it */ }
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    unseen = 0;
    notes.forEach((one) => one.close());
    notes = [];
    drawTitle();
  }, { signal: life.signal });

  return { noticed, drawTitle, able, wished, wish };
})();
const noticed = (_, task) => attention.noticed(task);
