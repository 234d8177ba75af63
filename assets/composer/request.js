// The Request fold: what would be sent, as JSON, cURL and Python, to read and to copy.
(() => {
  const KINDS = { json: "JSON", curl: "cURL", python: "Python" };
  let kind = "json", shown = {}, copying = null;

  kling.requestWish = () => {
    if (copying) return "whole";
    return document.querySelector("#request.open") ? "shown" : "";
  };

  kling.showRequest = (preview) => {
    if (!preview) return;
    if (copying) {
      copying(withPicture(preview));
      copying = null;
      return;
    }
    shown = preview;
    draw();
  };

  async function withPicture({ picture, ...texts }) { // that is kept is sent apart
    if (!picture?.path) return texts[kind];
    const answer = await fetch(`${kling.routes.replace(/studio$/, "")}file=${encodeURI(picture.path)}`).catch(() => null);
    if (!answer?.ok) return "";
    const read = new FileReader();
    const done = new Promise((resolve) => { read.onload = resolve; });
    read.readAsDataURL(await answer.blob());
    await done;
    return texts[kind].replace(picture.instead, () => read.result.split(",", 2)[1]);
  }

  function button(name, words, onclick) {
    return Object.assign(document.createElement("button"), { type: "button", className: name, textContent: words, onclick });
  }

  function draw() {
    const box = document.getElementById("request-shown");
    if (!box) return;
    if (!box.firstChild) build(box);
    for (const [name, tab] of tabs) {
      tab.classList.toggle("on", name === kind);
      tab.setAttribute("aria-pressed", String(name === kind));
    }
    if (text.textContent !== shown[kind]) text.textContent = shown[kind] ?? "";
  }

  let tabs = [], text = null;
  function build(box) {
    tabs = Object.entries(KINDS).map(([name, words]) => [name, button("pill", words, () => { kind = name; draw(); })]);
    text = Object.assign(document.createElement("pre"), { tabIndex: 0 });
    text.setAttribute("role", "region");
    text.setAttribute("aria-label", kling.say("request"));
    const copy = button("pill copy", kling.say("copy"), () => copyWhole(copy));
    const bar = Object.assign(document.createElement("div"), { className: "bar" });
    bar.append(...tabs.map(([, tab]) => tab), copy);
    box.append(bar, text);
  }

  async function copyWhole(copy) { // with all of a picture, which is cut short for the eye
    const whole = new Promise((resolve) => { copying = resolve; setTimeout(() => { copying = null; resolve(""); }, 10000); });
    document.getElementById("judge").click();
    const done = await kling.copy(await whole, copy);
    copy.textContent = kling.say(done ? "copied" : "copy_by_hand");
    setTimeout(() => { copy.textContent = kling.say("copy"); }, 2000);
  }

  kling.copy = async (words, button) => { // over plain http, or in a frame, the clipboard is closed to us
    if (!words) return false;
    try {
      await navigator.clipboard.writeText(words);
      return true;
    } catch { /* the old way */ }
    const area = Object.assign(document.createElement("textarea"), { value: words, className: "sr-only" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    button?.focus();
    return done;
  };
})();
