// The page: what the network sees, what it computes, and what it answers. `start` is called by the script of the pad.
"use strict";

const ANNOUNCE_AFTER_MS = 700;

const element = (id) => document.getElementById(id);
const network = readNetwork(element("steps").textContent);
const [CHANNELS, HEIGHT, WIDTH] = network.input;
const CLASSES = JSON.parse(element("classes").textContent);
const EXAMPLES = JSON.parse(element("examples").textContent).map((example) => ({
  label: example.label,
  picture: readBytes(example.pixels),
}));

/**
 * What is put onto the pad: `picture()` gives its pixels or null, `colour(picture, place)` how one of them looks,
 * `paint` shows it on the pad, `clear` takes it away, and `invites()` tells whether an empty pad says what to do.
 */
let input = null;
/** A picture from the test set, which takes the place of the input. */
let example = null;
let colours = {};

const pad = element("pad");
pad.style.aspectRatio = `${WIDTH} / ${HEIGHT}`;

function clear() {
  example = null;
  input.clear();
  changed();
}

function load(wanted) {
  clear();
  example = wanted;
}

element("clear").addEventListener("click", clear);

// ---- showing ------------------------------------------------------------------------------------------------------

const rows = [...element("bars").children].map((row) => ({
  row,
  name: row.querySelector(".name"),
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

const exampleButtons = [...element("test-images").children].map((button, index) => {
  const canvas = newCanvas(WIDTH, HEIGHT);
  button.prepend(canvas);
  button.addEventListener("click", () => load(EXAMPLES[index]));
  return { button, canvas };
});

function newCanvas(width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  return canvas;
}

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
  const picture = example ? example.picture : input.picture();
  showPad(picture);
  if (picture) showPicture(element("seen"), picture);
  else fill(element("seen"), () => colours.paper);
  element("clear").disabled = !picture;
  if (element("undo")) element("undo").disabled = !picture;
  exampleButtons.forEach(({ button }, index) => button.setAttribute("aria-pressed", EXAMPLES[index] === example));
  const values = picture && compute(network, picture);
  for (const block of blocks) showMaps(block.canvases, values && values[block.value]);
  showAnswer(values && softmax(values.at(-1)));
}

function showPad(picture) {
  const context = pad.getContext("2d");
  const { width, height } = pad;
  context.fillStyle = css(colours.paper);
  context.fillRect(0, 0, width, height);
  element("invitation").hidden = picture !== null || !input.invites();
  if (example) {
    const canvas = newCanvas(WIDTH, HEIGHT);
    showPicture(canvas, example.picture);
    context.imageSmoothingEnabled = false;
    context.drawImage(canvas, 0, 0, width, height);
  } else input.paint(context, width, height);
}

/** Where there are more classes than rows, the most probable ones are shown, the first of them first. */
function showAnswer(probabilities) {
  const labels = CLASSES.map((_, label) => label);
  const sorted = probabilities ? labels.sort((one, other) => probabilities[other] - probabilities[one]) : labels;
  const best = probabilities ? sorted[0] : -1;
  const shown = CLASSES.length > rows.length ? sorted : CLASSES.map((_, label) => label);
  rows.forEach(({ row, name, bar, percent }, index) => {
    const label = shown[index];
    row.classList.toggle("best", label === best);
    name.textContent = probabilities || CLASSES.length === rows.length ? CLASSES[label] : "";
    bar.style.transform = `scaleX(${probabilities ? probabilities[label] : 0})`;
    percent.textContent = probabilities ? `${(100 * probabilities[label]).toFixed(1)} %` : "";
  });
  element("answer").textContent = best < 0 ? "?" : CLASSES[best];
  element("answer").classList.toggle("waiting", best < 0);
  announce(best < 0 ? "" : `${CLASSES[best]}, ${(100 * probabilities[best]).toFixed(0)} percent`);
}

let announcement = 0;

/** Announces `text` to screen readers once the drawing has paused. */
function announce(text) {
  clearTimeout(announcement);
  announcement = setTimeout(() => (element("announcement").textContent = text), ANNOUNCE_AFTER_MS);
}

function showPicture(canvas, picture) {
  fill(canvas, (place) => input.colour(picture, place));
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
  exampleButtons.forEach(({ canvas }, index) => showPicture(canvas, EXAMPLES[index].picture));
  changed();
}

/** Brings the page to life, with what is put onto the pad. */
function start(chosenInput) {
  input = chosenInput;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", readColours);
  new ResizeObserver(() => {
    const box = pad.getBoundingClientRect();
    pad.width = Math.round(box.width * devicePixelRatio);
    pad.height = Math.round(box.height * devicePixelRatio);
    show();
  }).observe(pad);
  readColours();
}
