// Runs before Gradio starts: the page's language and theme must be settled by then.
(() => {
  const lang = kling.lang === "zh" ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", { get: () => lang });
  Object.defineProperty(navigator, "languages", { get: () => [lang] });
  document.documentElement.lang = lang;

  kling.stored = {
    get(key) { try { return localStorage.getItem("kling." + key); } catch { return null; } },
    set(key, value) { try { localStorage.setItem("kling." + key, value); } catch { /* no storage here */ } },
  };
  kling.say = (name, values = {}) =>
    (kling.words[name] ?? name).replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");

  const wish = matchMedia("(prefers-color-scheme: dark)");
  kling.dark = () => (kling.stored.get("theme") ?? (wish.matches ? "dark" : "light")) === "dark";
  kling.paintTheme = () => document.body?.classList.toggle("dark", kling.dark());
  new MutationObserver((_, observer) => {
    if (!document.body) return;
    kling.paintTheme();
    observer.disconnect();
    // Gradio sets its own class while it starts: ours is the one that counts.
    new MutationObserver(() => {
      if (document.body.classList.contains("dark") !== kling.dark()) kling.paintTheme();
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }).observe(document.documentElement, { childList: true });
  wish.addEventListener("change", kling.paintTheme);
})();
