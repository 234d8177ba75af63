// How smoothly a page moves: the moments of its frames, and what kept it from drawing them: long
// tasks, and long animation frames, which unlike them count style, layout and paint. Times are
// milliseconds since the page was asked for.
(() => {
  const frames = window.scroller = { firstCard: null, times: [], since: 0, longtask: [], "long-animation-frame": [] };
  const beat = (time) => { frames.times.push(time); requestAnimationFrame(beat); };
  requestAnimationFrame(beat);
  for (const type of ["longtask", "long-animation-frame"]) {
    new PerformanceObserver((list) => frames[type].push(...list.getEntries()))
      .observe({ type, buffered: true });
  }
  const waiting = new MutationObserver(() => {
    if (!document.querySelector("#feed .card")) return;
    waiting.disconnect();
    requestAnimationFrame(() => setTimeout(() => { frames.firstCard = performance.now(); }));
  });
  waiting.observe(document, { subtree: true, childList: true });
  frames.begin = () => { frames.since = performance.now(); };
  frames.end = () => {
    const times = frames.times.filter((time) => time >= frames.since);
    const long = (type) => frames[type].filter((one) => one.startTime >= frames.since)
      .map((one) => one.duration);
    return { gaps: times.slice(1).map((time, place) => time - times[place]),
      tasks: long("longtask"), frames: long("long-animation-frame") };
  };
})();
