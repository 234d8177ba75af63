// Runs before Gradio starts: the page's language and theme must be settled by then.
(() => {
  const lang = kling.lang === "zh" ? "zh-CN" : "en";
  Object.defineProperty(navigator, "language", { get: () => lang });
  Object.defineProperty(navigator, "languages", { get: () => [lang] });
  document.documentElement.lang = lang;

  // On a Space Gradio asks Hugging Face whether that runs, from every visitor's browser; as this page
  // came from there, it does.
  const fetched = window.fetch;
  window.fetch = (what, ...more) =>
    (String(what?.url ?? what).startsWith("https://huggingface.co/")
      ? Promise.resolve(Response.json({ id: "", runtime: { stage: "RUNNING" } }))
      : fetched.call(window, what, ...more));

  // A browser may forbid storage, as in a Space's frame: then it lasts until the page is left.
  const storage = (name) => {
    const memory = {};
    return {
      get(key) {
        try { return memory[key] ?? window[name].getItem("kling." + key); } catch { return null; }
      },
      set(key, value) {
        memory[key] = value;
        try { window[name].setItem("kling." + key, value); } catch { /* the memory has it */ }
      },
    };
  };
  kling.stored = storage("localStorage");
  kling.tab = storage("sessionStorage");
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
