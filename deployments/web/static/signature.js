// A signature drawn by hand: strokes go into a hidden field as "x,y x,y;x,y", and the server draws them.
"use strict";
{
  const box = document.getElementById("drawing");
  if (box) {
    const canvas = box.querySelector("canvas"), field = box.querySelector("input"), clear = box.querySelector("button");
    const width = Number(box.dataset.width), height = Number(box.dataset.height), most = 19000;
    const pen = canvas.getContext("2d");
    let strokes = field.value ? field.value.split(";").map((line) => line.split(" ").map((p) => p.split(",").map(Number))) : [];
    let stroke = null;

    const paint = () => {
      pen.clearRect(0, 0, width, height);
      pen.lineWidth = 6;
      pen.lineCap = pen.lineJoin = "round";
      pen.strokeStyle = "#10243a";
      for (const line of strokes) {
        pen.beginPath();
        line.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
        pen.lineTo(...line[line.length - 1]);
        pen.stroke();
      }
    };
    const written = () => strokes.map((line) => line.map((point) => point.join(",")).join(" ")).join(";");
    const point = (event) => {
      const area = canvas.getBoundingClientRect();
      const within = (value, end) => Math.round(Math.min(Math.max(value, 0), 1) * end);
      return [within((event.clientX - area.left) / area.width, width), within((event.clientY - area.top) / area.height, height)];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button || written().length > most) return;
      event.preventDefault();
      canvas.setPointerCapture(event.pointerId);
      stroke = [point(event)];
      strokes.push(stroke);
      paint();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!stroke) return;
      const next = point(event), last = stroke[stroke.length - 1];
      if (Math.hypot(next[0] - last[0], next[1] - last[1]) < 4) return;
      stroke.push(next);
      paint();
    });
    const end = () => {
      if (!stroke) return;
      stroke = null;
      if (written().length > most) strokes.pop();
      field.value = written();
      paint();
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    clear.addEventListener("click", () => {
      strokes = [];
      field.value = "";
      paint();
    });
    box.hidden = false;
    paint();
  }
}
