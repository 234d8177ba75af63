// A key of one's own: brought to the studio, which keeps it in memory; here only if somebody wishes.
const keyring = (() => {
  const KEPT = "key"; // in this browser's storage
  const path = `${kling.routes}/key`;

  async function bring(key, keep) { // why not; empty when it is there, undefined never
    const answer = await fetch(path, { method: "POST", headers: { "content-type": "application/json" },
      body: JSON.stringify({ key }) }).catch(() => null);
    if (answer?.status === 403) return say("no_owner");
    if (answer?.status === 429) return say("busy");
    const found = answer?.ok ? await answer.json().catch(() => null) : null;
    if (!found) return say("account_unheard");
    if (!found.problem) {
      kling.stored.set(KEPT, keep ? key : "");
      kling.stored.set("brought", `${run} ${Date.now()}`);
      kling.stored.set("own", "yes");
      location.reload(); // prices and words are others with a key
    }
    return found.problem;
  }

  async function forget() { // whether that was heard
    kling.stored.set(KEPT, "");
    forgive();
    const answer = await fetch(path, { method: "DELETE" }).catch(() => null);
    if (answer?.ok) location.reload();
    return Boolean(answer?.ok);
  }

  // Who had one, and has none any more without having wished it, is told who pays from now on: where
  // all use one together, whoever brought it.
  if (kling.own_key && !kling.together) kling.stored.set("own", "yes");
  const forgive = () => kling.stored.set("own", "");
  const gone = () => Boolean(!kling.own_key && kling.takes_keys && kling.stored.get("own") && !kling.stored.get(KEPT));

  // The studio forgets it when it is started anew, or a while after its last use; then it is brought
  // again, once: whoever forgets it elsewhere means it.
  const A_WHILE = 12 * 3600e3; // milliseconds
  let run = "";
  function heard(which) { // of the stream: which run of the program this is
    if (!which || which === run) return;
    run = which;
    const kept = kling.stored.get(KEPT);
    if (!kept || !kling.takes_keys) return;
    const [last, at] = (kling.stored.get("brought") || " ").split(" ");
    if (kling.own_key || (last === run && Date.now() - at < A_WHILE)) return;
    again(kept, 2000);
  }

  async function again(kept, pause) {
    kling.stored.set("brought", `${run} ${Date.now()}`);
    const why = await bring(kept, true);
    if (!why) return;
    if (kling.stored.get(KEPT) !== kept) return; // another one, meanwhile
    if (why !== say("busy") && why !== say("account_unheard")) kling.stored.set(KEPT, "");
    else if (pause < 120e3) return setTimeout(() => again(kept, 4 * pause), pause);
    forgive(); // that it is gone is said here
    kling.banner = { kind: "error", text: `${say("key_kept")} ${why}`, add: "key" };
    drawBanner();
  }
  return { bring, forget, forgive, gone, heard, tell() {} };
})();
