// The page: drawing, what the network sees, what it computes, and what it reads.
"use strict";

const PEN = 0.075;
const ANNOUNCE_AFTER_MS = 700;
const STEP = 1 / 40;

const element = (id) => document.getElementById(id);
const network = readNetwork(element("steps").textContent);
const [, HEIGHT, WIDTH] = network.input;
const CLASSES = JSON.parse(element("classes").textContent);
const EXAMPLES = JSON.parse(element("examples").textContent).map((example) => ({
  name: CLASSES[example.label],
  picture: readBytes(example.pixels),
}));

/** What is on the pad: strokes, lists of points in widths of the pad, or a picture from the test set. */
let strokes = [];
let example = null;
/** The pen that the arrow keys move. */
const pen = { x: 0.5, y: 0.5, down: false, shown: false };
let colours = {};

// ---- drawing ------------------------------------------------------------------------------------------------------

const pad = element("pad");
pad.style.aspectRatio = `${WIDTH} / ${HEIGHT}`;
let pointer = null;

function place(event) {
  const box = pad.getBoundingClientRect();
  return within((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.width);
}

/** The nearest point on the pad. */
function within(x, y) {
  return [Math.min(Math.max(x, 0), 1), Math.min(Math.max(y, 0), HEIGHT / WIDTH)];
}

function begin(point) {
  example = null;
  strokes.push([point]);
  changed();
}

function extend(point) {
  strokes.at(-1).push(point);
  changed();
}

function undo() {
  if (example) example = null;
  else strokes.pop();
  pen.down = false;
  changed();
}

function clear() {
  example = null;
  strokes = [];
  pen.down = false;
  changed();
}

function load(chosen) {
  clear();
  example = chosen;
  changed();
}

pad.addEventListener("pointerdown", (event) => {
  if (pointer !== null || event.button !== 0) return;
  pointer = event.pointerId;
  pad.setPointerCapture(pointer);
  pen.down = pen.shown = false;
  begin(place(event));
});

pad.addEventListener("pointermove", (event) => {
  if (event.pointerId !== pointer) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  for (const move of moves.length > 0 ? moves : [event]) extend(place(move));
});

for (const name of ["pointerup", "pointercancel"]) {
  pad.addEventListener(name, (event) => {
    if (event.pointerId === pointer) pointer = null;
  });
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

pad.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in ARROWS) {
    const [x, y] = ARROWS[event.key];
    [pen.x, pen.y] = within(pen.x + x * STEP, pen.y + y * STEP);
    if (pen.down) extend([pen.x, pen.y]);
  } else if (event.key === " ") {
    pen.down = !pen.down;
    if (pen.down) begin([pen.x, pen.y]);
  } else if (event.key === "Backspace") {
    undo();
  } else if (event.key === "Delete") {
    clear();
  } else return;
  event.preventDefault();
  pen.shown = true;
  changed();
});

pad.addEventListener("blur", () => {
  pen.down = pen.shown = false;
  changed();
});

element("undo").addEventListener("click", undo);
element("clear").addEventListener("click", clear);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
});

// ---- showing ------------------------------------------------------------------------------------------------------

const bars = [...element("bars").children].map((row) => ({
  row,
  bar: row.querySelector(".bar"),
  percent: row.querySelector(".percent"),
}));

const blocks = [...document.querySelectorAll(".maps")].map((maps) => {
  const value = Number(maps.dataset.value);
  const [channels, height, width] = shapeOf(network, value);
  const canvases = Array.from({ length: channels }, () => newCanvas(width, height));
  maps.append(...canvases);
  return { value, canvases };
});

const exampleCanvases = EXAMPLES.map((each) => {
  const button = document.createElement("button");
  button.type = "button";
  button.setAttribute("aria-label", `Example: ${each.name}`);
  const canvas = newCanvas(WIDTH, HEIGHT);
  button.append(canvas);
  button.addEventListener("click", () => load(each));
  element("test-images").append(button);
  return canvas;
});

function newCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

element("digit").classList.toggle("words", CLASSES.some((name) => name.length > 2));

let waiting = false;

/** Computes and shows everything once before the next frame. */
function changed() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    show();
  });
}

function show() {
  const empty = !example && strokes.length === 0;
  const picture = example ? example.picture : prepare(strokes, PEN, HEIGHT, WIDTH);
  showPad(empty);
  showGrey(element("seen"), picture);
  element("undo").disabled = element("clear").disabled = empty;
  const values = empty ? null : compute(network, picture);
  for (const block of blocks) showMaps(block.canvases, values && values[block.value]);
  showReading(values && softmax(values.at(-1)));
}

function showPad(empty) {
  const context = pad.getContext("2d");
  const { width, height } = pad;
  context.fillStyle = css(colours.paper);
  context.fillRect(0, 0, width, height);
  element("invitation").hidden = !empty || pen.shown;
  if (example) {
    const canvas = newCanvas(WIDTH, HEIGHT);
    showGrey(canvas, example.picture);
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, 0, 0, width, height);
  }
  context.lineWidth = PEN * width;
  context.lineCap = context.lineJoin = "round";
  context.strokeStyle = css(colours.ink);
  for (const [first, ...others] of strokes) {
    context.beginPath();
    context.moveTo(first[0] * width, first[1] * width);
    for (const [x, y] of others.length > 0 ? others : [first]) context.lineTo(x * width, y * width);
    context.stroke();
  }
  if (pen.shown) {
    context.beginPath();
    context.arc(pen.x * width, pen.y * width, (PEN * width) / 2, 0, 2 * Math.PI);
    context.lineWidth = width / 150;
    context.strokeStyle = css(pen.down ? colours.less : colours.more);
    context.stroke();
  }
}

function showReading(probabilities) {
  const best = probabilities ? probabilities.indexOf(Math.max(...probabilities)) : -1;
  bars.forEach(({ row, bar, percent }, index) => {
    const probability = probabilities ? probabilities[index] : 0;
    row.classList.toggle("best", index === best);
    bar.style.transform = `scaleX(${probability})`;
    percent.textContent = probabilities ? `${(100 * probability).toFixed(1)} %` : "";
  });
  element("digit").textContent = best < 0 ? "?" : CLASSES[best];
  element("digit").classList.toggle("waiting", best < 0);
  announce(best < 0 ? "" : `${CLASSES[best]}, ${(100 * probabilities[best]).toFixed(0)} percent`);
}

let announcement = 0;

/** Announces `text` to screen readers once the drawing has paused. */
function announce(text) {
  clearTimeout(announcement);
  announcement = setTimeout(() => (element("announcement").textContent = text), ANNOUNCE_AFTER_MS);
}

function showGrey(canvas, picture) {
  fill(canvas, (index) => mix(colours.paper, colours.ink, picture[index] / 255));
}

/** Shows numbers above zero in one colour, below in another; the block's largest magnitude has the full colour. */
function showMaps(canvases, value) {
  const largest = value ? value.reduce((most, number) => Math.max(most, Math.abs(number)), 1e-9) : 1;
  canvases.forEach((canvas, channel) => {
    const first = channel * canvas.width * canvas.height;
    fill(canvas, (index) => {
      const share = value ? value[first + index] / largest : 0;
      return mix(colours.paper, share < 0 ? colours.less : colours.more, Math.abs(share));
    });
  });
}

function fill(canvas, colourOf) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  for (let index = 0; index < canvas.width * canvas.height; index++) {
    image.data.set([...colourOf(index), 255], 4 * index);
  }
  context.putImageData(image, 0, 0);
}

function mix(from, to, share) {
  return from.map((level, channel) => level + share * (to[channel] - level));
}

function css(colour) {
  return `rgb(${colour.join(" ")})`;
}

// ---- look ---------------------------------------------------------------------------------------------------------

/** Reads the style sheet's colours as red, green and blue from 0 to 255. */
function readColours() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "more", "less"]) {
    const hex = style.getPropertyValue(`--${name}`).trim();
    colours[name] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16));
  }
  exampleCanvases.forEach((canvas, index) => showGrey(canvas, EXAMPLES[index].picture));
  changed();
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readColours);

new ResizeObserver(() => {
  const box = pad.getBoundingClientRect();
  pad.width = Math.round(box.width * devicePixelRatio);
  pad.height = Math.round(box.height * devicePixelRatio);
  show();
}).observe(pad);

readColours();
