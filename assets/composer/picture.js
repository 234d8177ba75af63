// The reference picture: pasted anywhere on the page; one far too large never travels.
(() => {
  const field = () => document.getElementById("field-image");
  const HERE = "#field-image input[type=file]", AWAY = "#field-image .icon-button-wrapper button";

  addEventListener("paste", async (event) => {
    const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
    const words = event.clipboardData?.types.includes("text/plain"); // a copied table is also a picture
    if (!file || words || document.querySelector("dialog[open]")) return;
    event.preventDefault();
    if (!document.querySelector(HERE)) await emptied();
    const input = document.querySelector(HERE), carried = new DataTransfer();
    if (!input) return;
    carried.items.add(file);
    input.files = carried.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    field().scrollIntoView({ block: "nearest" });
  });

  function emptied() { // Gradio takes a file only where there is none
    [...document.querySelectorAll(AWAY)].at(-1)?.click();
    return new Promise((resolve) => {
      const watch = new MutationObserver(() => document.querySelector(HERE) && done());
      const done = () => { watch.disconnect(); resolve(); };
      watch.observe(field(), { childList: true, subtree: true });
      setTimeout(done, 1000);
    });
  }

  function tooLarge(event, file) {
    if (!file || file.size <= kling.largest_upload || !event.target.closest?.("#field-image")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const text = kling.say("too_large", { megabytes: (file.size / 1e6).toFixed(1), limit: kling.largest_upload / 1e6 });
    kling.complain("image", text);
  }
  document.addEventListener("change", (event) => {
    if (event.target.type === "file") tooLarge(event, event.target.files?.[0]);
  }, true);
  document.addEventListener("drop", (event) => tooLarge(event, event.dataTransfer?.files?.[0]), true);
})();
