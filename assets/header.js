// The header's pills and the banner.
function drawHeader() {
  const account = $("pill-account");
  if (!account) return;
  account.classList.toggle("live", kling.live);
  account.title = kling.live ? kling.host : "";
  set(account.lastElementChild, kling.live ? `${say(kling.own_key ? kling.together ? "live_ours" : "live_own" : "live")} · ${kling.host}` : say("demo"));
  const running = $("pill-running"), spent = $("pill-spent");
  running.hidden = !summary.running;
  set(running, say("running", { n: summary.running ?? 0 }));
  spent.hidden = !summary.spent?.length;
  set(spent, say("today", { amount: (summary.spent ?? []).join(" + ") }));
  spent.title = say(kling.live ? "today_live" : "today_demo");
  if (JSON.stringify(kling.left ?? null) !== JSON.stringify(summary.left ?? null)) {
    kling.left = summary.left; // what may still be had today of the studio's own key
    kling.label();
  }
  set($("app-title"), say("title"));
  attention.drawTitle();
  $("pill-language").title = say("switch_language");
  $("pill-language").setAttribute("aria-label", `EN · 中文, ${say("switch_language")}`);
  $("pill-theme").title = say("theme");
  $("pill-theme").setAttribute("aria-label", say("theme"));
  set($("pill-present"), say("present"));
  $("pill-present").title = say("present_title");
  set($("pill-settings"), say("settings"));
}

let lost = ""; // why nothing is heard from the studio
function drawBanner() { // what keeps the page from working goes before what it is for
  const box = $("banner"), usual = kling.banner ?? { kind: "", text: "" };
  if (!box) return;
  const { kind, text, ...more } = lost ? { kind: "error", text: lost }
    : summary.notice ? { kind: "notice", text: summary.notice }
    : keyring.gone() ? { kind: "notice", text: say(kling.live ? "gone_live" : "gone_demo"), add: "key", read: "gone" }
    : forgetting() ? { kind: "demo", text: say("forgets"), read: "forgets" } : usual;
  box.hidden = !text;
  box.className = kind;
  const shown = [kind, text, more.add, more.read].join("|");
  if (box.dataset.shown === shown) return;
  Object.assign(box.dataset, { shown, read: more.read ?? "" });
  box.replaceChildren(make("span", { textContent: text }));
  if (more.add) box.append(bannerButton("add-key", say("add_key")));
  if (more.read) box.append(bannerButton("read", say("understood")));
}

const bannerButton = (id, textContent) =>
  make("button", { type: "button", id: `banner-${id}`, className: "button", textContent });
const forgetting = () => kling.forgets && kling.stored.get("forgets") !== "read";

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#pill-language")) {
    const wish = kling.lang === "zh" ? "en" : "zh";
    // in a Space's frame a cookie is kept only if it is the frame's own
    const site = location.protocol === "https:" ? "secure;samesite=none;partitioned" : "samesite=lax";
    document.cookie = `kling_language=${wish};path=/;max-age=31536000;${site}`;
    location.reload();
  } else if (event.target.closest?.("#banner-read")) {
    if ($("banner").dataset.read === "gone") keyring.forgive();
    else kling.stored.set("forgets", "read");
    drawBanner();
  } else if (event.target.closest?.("#pill-theme")) {
    kling.stored.set("theme", kling.dark() ? "light" : "dark");
    kling.paintTheme();
  }
}, { signal: life.signal });
