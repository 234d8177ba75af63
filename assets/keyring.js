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
      location.reload(); // prices and words are others with a key
    }
    return found.problem;
  }

  async function forget() { // whether that was heard
    kling.stored.set(KEPT, "");
    const answer = await fetch(path, { method: "DELETE" }).catch(() => null);
    if (answer?.ok) location.reload();
    return Boolean(answer?.ok);
  }

  // The studio forgets it when it is started anew; then it is brought again, once.
  const kept = kling.stored.get(KEPT);
  if (kept && !kling.own_key && kling.takes_keys && kling.tab.get("brought") !== kling.page) {
    kling.tab.set("brought", kling.page);
    bring(kept, true);
  }
  if (kling.own_key) kling.tab.set("brought", "");
  return { bring, forget, tell() {} };
})();
