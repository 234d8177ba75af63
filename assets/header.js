// The header's pills and the banner.
function drawHeader() {
  const account = $("pill-account");
  if (!account) return;
  account.classList.toggle("live", kling.live);
  account.title = kling.live ? kling.host : "";
  set(account.lastElementChild, kling.live ? `${say("live")} · ${kling.host}` : say("demo"));
  const running = $("pill-running"), spent = $("pill-spent");
  running.hidden = !summary.running;
  set(running, say("running", { n: summary.running ?? 0 }));
  spent.hidden = !summary.spent?.length;
  set(spent, say("today", { amount: (summary.spent ?? []).join(" + ") }));
  spent.title = say(kling.live ? "today_live" : "today_demo");
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
  const [kind, text] = lost ? ["error", lost]
    : summary.notice ? ["notice", summary.notice] : [usual.kind, usual.text];
  box.hidden = !text;
  box.className = kind;
  set(box, text);
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#pill-language")) {
    const wish = kling.lang === "zh" ? "en" : "zh";
    // in a Space's frame a cookie is kept only if it is the frame's own
    const site = location.protocol === "https:" ? "secure;samesite=none;partitioned" : "samesite=lax";
    document.cookie = `kling_language=${wish};path=/;max-age=31536000;${site}`;
    location.reload();
  } else if (event.target.closest?.("#pill-theme")) {
    kling.stored.set("theme", kling.dark() ? "light" : "dark");
    kling.paintTheme();
  }
}, { signal: life.signal });
