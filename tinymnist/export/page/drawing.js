// Turns strokes into the picture that the network sees, prepared as the digits of MNIST were.
//
// LeCun, Bottou, Bengio, Haffner, "Gradient-based learning applied to document recognition" (1998): a digit is scaled
// to fit a box of 20x20 pixels, which makes its edges grey, and its centre of mass is moved to the centre of 28x28. Here
// strokes are lines, so they are drawn at their final size at once. Nothing is read back from a canvas, because some
// browsers blur that on purpose.
"use strict";

const BOX = 20 / 28;
/** Thickness of a stroke as a share of the picture; half of MNIST's strokes are 2.3 to 3.3 of 28 pixels thick. */
const THINNEST = 2.3 / 28;
const THICKEST = 3.3 / 28;

/**
 * Draws `strokes`, lists of points [x, y] in any unit, with a round pen that is `pen` wide in that unit. Gives grey
 * levels 0 to 255, row by row.
 */
function prepare(strokes, pen, height, width) {
  const points = strokes.flat();
  const picture = new Uint8Array(height * width);
  if (points.length === 0) return picture;
  const size = Math.min(height, width);
  const [left, right] = extent(points.map(([x]) => x));
  const [top, bottom] = extent(points.map(([, y]) => y));
  const longest = Math.max(right - left, bottom - top);
  const asDrawn = (BOX * size * pen) / (longest + pen);
  const thickness = Math.min(Math.max(asDrawn, THINNEST * size), THICKEST * size);
  const scale = Math.min((BOX * size - thickness) / Math.max(longest, 1e-9), (BOX * size) / pen);
  const move = (centreX, centreY) =>
    strokes.map((stroke) => stroke.map(([x, y]) => [(x - centreX) * scale + width / 2, (y - centreY) * scale + height / 2]));

  const [boxX, boxY] = [(left + right) / 2, (top + bottom) / 2];
  paint(picture, move(boxX, boxY), thickness / 2, height, width);
  const mass = centreOfMass(picture, width);
  const [centreX, centreY] = [boxX + (mass.x - width / 2) / scale, boxY + (mass.y - height / 2) / scale];
  picture.fill(0);
  paint(picture, move(centreX, centreY), thickness / 2, height, width);
  return picture;
}

function extent(numbers) {
  return [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))];
}

/** Draws lines. A pixel is black from half a pixel inside the line's edge, white from half a pixel outside. */
function paint(picture, strokes, radius, height, width) {
  const margin = radius + 0.5;
  for (const stroke of strokes) {
    for (let index = 0; index < stroke.length; index++) {
      const [from, to] = [stroke[Math.max(index - 1, 0)], stroke[index]];
      const [firstColumn, endColumn] = pixels(from[0], to[0], margin, width);
      const [firstRow, endRow] = pixels(from[1], to[1], margin, height);
      for (let row = firstRow; row < endRow; row++) {
        for (let column = firstColumn; column < endColumn; column++) {
          const depth = margin - distance([column, row], from, to);
          const level = Math.round(255 * Math.min(Math.max(depth, 0), 1));
          const place = row * width + column;
          if (level > picture[place]) picture[place] = level;
        }
      }
    }
  }
}

/** The range [first, end) of pixels that a line between `a` and `b` can reach on an axis. */
function pixels(a, b, margin, length) {
  const first = Math.max(0, Math.floor(Math.min(a, b) - margin));
  return [first, Math.min(length, Math.ceil(Math.max(a, b) + margin) + 1)];
}

/** Distance from a point to the line between two others. */
function distance([x, y], [fromX, fromY], [toX, toY]) {
  const [alongX, alongY] = [toX - fromX, toY - fromY];
  const squared = alongX * alongX + alongY * alongY;
  const share = squared === 0 ? 0 : ((x - fromX) * alongX + (y - fromY) * alongY) / squared;
  const nearest = Math.min(Math.max(share, 0), 1);
  return Math.hypot(x - fromX - nearest * alongX, y - fromY - nearest * alongY);
}

/** Centre of mass in pixels, counted from 0; MNIST's pictures have it at 14, 14. */
function centreOfMass(picture, width) {
  let [sum, x, y] = [0, 0, 0];
  picture.forEach((level, place) => {
    sum += level;
    x += level * (place % width);
    y += level * Math.floor(place / width);
  });
  return { x: x / sum, y: y / sum };
}
