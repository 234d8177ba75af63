// Gradio's page that asks for the password says nothing of a try that takes long, or is refused.
(() => {
  const SLOW = 700; // milliseconds
  let trying = null;

  function tell(text) {
    const form = document.querySelector("input[type=password]")?.closest(".form");
    if (!form) return;
    const line = document.getElementById("login-said")
      ?? Object.assign(document.createElement("p"), { id: "login-said" });
    line.setAttribute("role", "status");
    if (!line.isConnected) form.before(line);
    line.textContent = text;
  }

  function busy(is) {
    document.body.classList.toggle("checking", is);
    document.querySelectorAll("input").forEach((input) => { input.readOnly = is; });
  }

  async function saidIn(answer) {
    if ([200, 400].includes(answer.status)) return ""; // Gradio tells these
    const ours = answer.headers.get("content-type")?.startsWith("text/plain"); // and no proxy's page
    return ours ? answer.clone().text() : kling.say("unheard");
  }

  async function tried(asked) {
    tell("");
    busy(true);
    const slow = setTimeout(() => tell(kling.say("checking")), SLOW);
    try {
      const answer = await asked();
      clearTimeout(slow);
      tell(await saidIn(answer));
      return answer;
    } catch {
      clearTimeout(slow);
      tell(kling.say("unheard"));
      return new Response("", { status: 503 }); // Gradio would not catch an error
    } finally {
      busy(false);
      trying = null;
    }
  }

  // Any name will do, and Gradio forgets it after a wrong password; but it takes no empty one.
  function named(form) {
    if (form instanceof FormData && !form.get("username")) form.set("username", "me");
  }

  // Pressed again meanwhile, it is the same try: more of them would only wait for one another.
  const fetched = window.fetch;
  window.fetch = (what, ...more) => {
    const ask = () => fetched.call(window, what, ...more);
    if (!new URL(what?.url ?? what, location.href).pathname.endsWith("/login")) return ask();
    named(more[0]?.body);
    return (trying ??= tried(ask));
  };
})();
