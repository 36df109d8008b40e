// A file may be dropped anywhere on its form, and a picture is shown before it is sent. Without this script it is chosen,
// or dropped on the field itself, and shown afterwards.

for (const form of document.querySelectorAll("form[data-drop]")) {
  const field = form.querySelector("input[type=file]");
  const status = form.querySelector("[data-chosen]");
  const preview = form.querySelector("[data-preview]");
  let within = 0;

  const enter = (by) => {
    within = by === 0 ? 0 : Math.max(0, within + by);
    form.classList.toggle("over", within > 0);
  };

  // What the browser cannot draw, such as TIFF, is not shown: we can, once it is sent.
  const show = (file) => {
    preview.hidden = true;
    for (const picture of preview.querySelectorAll("img")) {
      URL.revokeObjectURL(picture.src);
      picture.remove();
    }
    if (!file) return;
    for (const ground of preview.querySelectorAll("div")) {
      const picture = new Image();
      picture.alt = "";
      picture.addEventListener("load", () => { preview.hidden = false; });
      picture.src = URL.createObjectURL(file);
      ground.append(picture);
    }
  };

  field.addEventListener("change", () => {
    const file = field.files[0];
    status.textContent = file ? status.dataset.chosen.replace("{}", file.name) : "";
    if (preview) show(file);
  });
  form.addEventListener("dragenter", () => enter(1));
  form.addEventListener("dragleave", () => enter(-1));
  form.addEventListener("drop", (event) => {
    enter(0);
    if (event.target === field || event.dataTransfer.files.length === 0) return;
    const first = new DataTransfer();
    first.items.add(event.dataTransfer.files[0]);
    field.files = first.files;
    field.dispatchEvent(new Event("change"));
    form.querySelector("button").focus();
  });

  // A file that misses the form must not replace the page.
  for (const kind of ["dragover", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (event.target !== field) event.preventDefault();
    });
  }
}
