// A task in words and shapes, for the stage and the history alike. These files are
// one script, of which this comes first; all foreign text goes through textContent.
kling.feed?.abort(); // should Gradio run this again, what ran before ends
const life = kling.feed = new AbortController();
const $ = (id) => document.getElementById(id);
const say = kling.say;
const tasks = new Map(); // id → card
let skew = 0, summary = {};

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

function set(node, text) {
  if (node && node.textContent !== text) node.textContent = text;
}

const now = () => Date.now() / 1000 + skew;
function lasting(seconds) {
  if (seconds < 120) return say("seconds", { n: Math.max(0, Math.round(seconds)) });
  return seconds < 7200 ? say("minutes", { n: Math.round(seconds / 60) }) : say("hours", { n: Math.round(seconds / 3600) });
}
// it stands where it stood when its key went
const waitsForKey = (task) => task.case === "account_missing" && task.state !== "unconfirmed";
const stateWord = (task) =>
  (waitsForKey(task) ? task.trouble.title : kling.words.state[task.state] ?? task.state);
const tone = (task) => waitsForKey(task) ? "warn" : ({
  succeeded: "ok", failed: "err", rejected: "err", expired: "warn", unconfirmed: "warn",
  queued: "wait", cancelled: "wait",
}[task.state] ?? "run");

function stateText(task) {
  if (waitsForKey(task)) return stateWord(task);
  const timed = ["sending", "submitted", "processing", "saving", "stalled"].includes(task.state);
  const ahead = summary.waiting?.[task.id];
  if (task.state === "queued" && ahead) return `${stateWord(task)} · ${say("ahead", { n: ahead })}`;
  if (timed && task.sent) return `${stateWord(task)} · ${lasting(now() - task.sent)}`;
  if (task.state !== "succeeded") return stateWord(task);
  const took = task.took ?? (task.sent ? task.ended - task.sent : null);
  return took === null ? stateWord(task) : `${stateWord(task)} · ${lasting(took)}`;
}

const title = (task) => task.request.prompt || (task.found ? say("found_again") : "");
const usually = (task) => (task.usual && !task.over ? say("usually", { n: Math.round(task.usual) }) : "");

function ago(at) {
  const age = now() - at;
  if (age < 60) return say("just_now");
  if (age < 3600) return say("minutes_ago", { n: Math.floor(age / 60) });
  if (age < 86400) return say("hours_ago", { n: Math.floor(age / 3600) });
  return age < 2 * 86400 ? say("yesterday") : say("days_ago", { n: Math.floor(age / 86400) });
}

function aside(task) {
  if (task.trouble) return task.trouble.charged;
  return task.over ? ago(task.created) : usually(task);
}

const images = (n) => (n === 1 ? say("images_one") : say("images", { n }));
const meta = (task) => [task.request.model_name, task.request.aspect_ratio, images(task.n), task.price]
  .filter(Boolean).join(" · ");

function shape(task) { // width and height: of the pictures once they are here, as asked until then
  if (!task) return [3, 2];
  if (task.pictures.length) return [task.pictures[0].w, task.pictures[0].h];
  const [w, h] = (task.request.aspect_ratio ?? "").split(":").map(Number);
  return w > 0 && h > 0 ? [w, h] : [1, 1];
}

const filesGone = new Set(); // pictures whose files are not there any more
const shownOf = (task) => task.pictures.filter((one) => !filesGone.has(one.id));
const nothingToShow = (task) => task.state === "unconfirmed" || (task.over && !shownOf(task).length);
const link = (id, side) => `${kling.routes}/pictures/${id}${side ? `/${side}` : ""}`;
