// What a person who looks at the page has seen, and when: a state on a card, by the card's prompt,
// and a picture on the stage, by its id. Unix milliseconds, when the frame that shows it was drawn.
(() => {
  const sight = window.sight = { cards: {}, pictures: {} };
  const now = () => performance.timeOrigin + performance.now();
  const drawn = (note) => requestAnimationFrame(() => { // runs before the frame, the message after
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = note;
    port2.postMessage("");
  });

  function seeCards() {
    for (const card of document.querySelectorAll("#feed .card")) {
      const [prompt, state] = [".prompt", ".state"].map((one) => card.querySelector(one)?.textContent);
      const key = `${prompt}|${state?.split(" · ")[0]}`;
      if (key in sight.cards) continue;
      sight.cards[key] = null;
      drawn(() => { sight.cards[key] = now(); });
    }
  }

  async function seePicture(image, id) {
    sight.pictures[id] = null;
    try { await image.decode(); } catch { return delete sight.pictures[id]; } // another took its place
    drawn(() => { sight.pictures[id] = now(); });
  }

  function look() {
    seeCards();
    for (const image of document.querySelectorAll("#stage-gallery img")) {
      const id = /([0-9a-f]{32})(\.\w+|\/\d+)$/.exec(image.src)?.[1];
      if (id && !(id in sight.pictures)) seePicture(image, id);
    }
  }

  new MutationObserver(look).observe(document, { subtree: true, childList: true,
    characterData: true, attributes: true, attributeFilter: ["src"] });
})();
