// The pad that one draws on, with a finger, a pen, the mouse or the arrow keys.
"use strict";

const PEN = 0.075;
const STEP = 1 / 40;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Lists of points in widths of the pad. */
let strokes = [];
/** The pen that the arrow keys move. */
const pen = { x: 0.5, y: 0.5, down: false, shown: false };
let pointer = null;

const sketch = {
  picture: () => (strokes.length === 0 ? null : prepare(strokes, PEN, HEIGHT, WIDTH)),
  colour: (picture, place) => mix(colours.paper, colours.ink, picture[place] / 255),
  invites: () => !pen.shown,
  clear() {
    strokes = [];
    pen.down = false;
  },
  paint(context, width) {
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
  },
};

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
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
});

start(sketch);
