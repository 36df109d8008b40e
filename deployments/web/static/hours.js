// The grid of hours: marks by dragging, walks by arrow keys, keeps the line of text in step. Without it, all are boxes to tick.
(() => {
  const grid = document.querySelector("table.hours");
  if (!grid) return;
  const boxes = [...grid.querySelectorAll("input")];
  const at = (day, hour) => boxes.find((box) => box.value === `${day}-${hour}`);
  const place = (box) => box.value.split("-").map(Number);
  const names = [...grid.querySelectorAll("thead th[data-short]")].map((head) => head.dataset.short);
  const line = document.getElementById("hours_text");

  const runs = (on) => {
    const found = [];
    on.forEach((is, n) => {
      if (is && n && on[n - 1]) found[found.length - 1][1] = n;
      else if (is) found.push([n, n]);
    });
    return found;
  };
  const written = () => {
    const parts = new Map();
    names.forEach((_, day) => {
      const hours = runs([...Array(24).keys()].map((hour) => at(day, hour).checked));
      const text = hours.map(([first, last]) => `${first}–${last + 1}`).join(", ");
      if (text) parts.set(text, [...(parts.get(text) || []), day]);
    });
    return [...parts].map(([hours, days]) => {
      const on = names.map((_, day) => days.includes(day));
      return `${runs(on).map(([a, b]) => (a === b ? names[a] : `${names[a]}–${names[b]}`)).join(", ")} ${hours}`;
    }).join("; ");
  };
  const tell = () => { line.value = written(); };

  // One stop for the Tab key; arrows walk, with Shift they mark what they pass.
  let here = boxes.find((box) => box.checked) || boxes[0];
  const stop = (box) => {
    here.tabIndex = -1;
    here = box;
    here.tabIndex = 0;
  };
  boxes.forEach((box) => { box.tabIndex = -1; });
  here.tabIndex = 0;
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  grid.addEventListener("keydown", (event) => {
    const box = event.target.closest("input");
    const step = steps[event.key];
    if (!box || !step) return;
    event.preventDefault();
    const [day, hour] = place(box);
    const next = at((day + step[0] + 7) % 7, Math.min(23, Math.max(0, hour + step[1])));
    if (event.shiftKey) next.checked = box.checked;
    stop(next);
    next.focus();
    tell();
  });
  grid.addEventListener("focusin", (event) => { if (event.target.matches("input")) stop(event.target); });
  grid.addEventListener("change", tell);

  // Dragging gives every hour between where it began and where it is what the first one became.
  let drag = null;
  grid.addEventListener("pointerdown", (event) => {
    const box = event.target.closest("td")?.querySelector("input");
    if (!box || event.button) return;
    event.preventDefault();
    box.focus();
    drag = { from: place(box), on: !box.checked, before: boxes.map((one) => one.checked) };
    paint(box);
    if (event.target.hasPointerCapture?.(event.pointerId)) event.target.releasePointerCapture(event.pointerId);
  });
  const paint = (box) => {
    const [day, hour] = place(box);
    const within = (value, a, b) => value >= Math.min(a, b) && value <= Math.max(a, b);
    boxes.forEach((one, n) => {
      const [d, h] = place(one);
      one.checked = within(d, drag.from[0], day) && within(h, drag.from[1], hour) ? drag.on : drag.before[n];
    });
    tell();
  };
  grid.addEventListener("pointermove", (event) => {
    if (!drag) return;
    const box = document.elementFromPoint(event.clientX, event.clientY)?.closest("table.hours td")?.querySelector("input");
    if (box) paint(box);
  });
  addEventListener("pointerup", () => { drag = null; });
  addEventListener("pointercancel", () => { drag = null; });
  grid.addEventListener("click", (event) => {  // Pressing has done it; the space bar comes without a pointer.
    if (event.target.matches("input") && event.detail) event.preventDefault();
  });
})();
