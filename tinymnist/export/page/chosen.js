// Takes a picture that is chosen as a file, dropped onto the page or pasted, and that the browser decodes.
"use strict";

const LONGEST = 4096;

/** The picture as it is shown, what the network sees of it, and the colour around it; null where there is none. */
let taken = null;
let newest = 0;

const chosen = {
  picture: () => taken && taken.pixels,
  colour: (picture, place) => [0, 1, 2].map((channel) => picture[(CHANNELS === 3 ? channel * HEIGHT * WIDTH : 0) + place]),
  invites: () => true,
  clear() {
    newest++;
    taken = null;
    say("");
  },
  paint(context, width, height) {
    if (!taken) return;
    const { canvas, ground } = taken;
    const scale = Math.min(width / canvas.width, height / canvas.height);
    const size = [canvas.width * scale, canvas.height * scale];
    context.fillStyle = css(ground);
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = scale < 1;
    context.imageSmoothingQuality = "high";
    context.drawImage(canvas, (width - size[0]) / 2, (height - size[1]) / 2, ...size);
  },
};

/** Shows a picture file, unless another one comes before it is decoded. */
async function take(file) {
  const turn = ++newest;
  let bitmap;
  try {
    if (!readable()) throw new Error("This browser hides what a canvas shows: allow this page to read it.");
    bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" }).catch(() => {
      throw new Error(`${file.name || "This"}: not a picture that this browser can read, such as PNG, JPEG or WebP.`);
    });
    if (turn !== newest) return;
    example = null;
    taken = read(bitmap);
    say("");
  } catch (error) {
    if (turn === newest) {
      chosen.clear();
      say(error.message);
    }
  }
  bitmap?.close();
  changed();
}

/** What is transparent shows white. */
function read(bitmap) {
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((size) => Math.max(1, Math.round(size * scale)));
  const canvas = newCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  const planes = planesOf(context.getImageData(0, 0, width, height).data, CHANNELS);
  const [red, green = red, blue = red] = groundOf(planes, height, width);
  return { canvas, pixels: fitted(planes, height, width, HEIGHT, WIDTH), ground: [red, green, blue] };
}

/** Whether pages may read their canvases; against tracking, some browsers give them noise. */
function readable() {
  const context = newCanvas(4, 4).getContext("2d");
  context.fillStyle = "rgb(20 120 220)";
  context.fillRect(0, 0, 4, 4);
  return context.getImageData(0, 0, 4, 4).data.every((level, index) => Math.abs(level - [20, 120, 220, 255][index % 4]) < 9);
}

function say(text) {
  element("complaint").textContent = text;
}

element("choose").addEventListener("click", () => element("file").click());
pad.addEventListener("click", () => element("file").click());

element("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) take(target.files[0]);
  target.value = ""; // the same file may be chosen again
});

document.addEventListener("paste", ({ clipboardData }) => {
  if (clipboardData.files.length > 0) take(clipboardData.files[0]);
});

document.addEventListener("dragover", (event) => {
  event.preventDefault();
  pad.classList.add("over");
});

document.addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) pad.classList.remove("over");
});

document.addEventListener("drop", (event) => {
  event.preventDefault();
  pad.classList.remove("over");
  if (event.dataTransfer.files.length > 0) take(event.dataTransfer.files[0]);
  else say("Only picture files can be dropped here.");
});

start(chosen);
