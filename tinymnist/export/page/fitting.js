// Fits a picture into the size of the network's images, as tinymnist fits those that a network is trained on.
//
// Its aspect is kept, and the median colour of its border fills the rest. Pixels are averaged by Pillow's bilinear
// filter, in the same whole numbers: the same picture gives the same pixels here and there.
"use strict";

const BITS = 22;

/** One plane of grey levels, or three of red, green and blue, from the bytes of an opaque canvas. */
function planesOf(rgba, channels) {
  const planes = Array.from({ length: channels }, () => new Uint8Array(rgba.length / 4));
  for (let place = 0; place < rgba.length / 4; place++) {
    const [red, green, blue] = [rgba[4 * place], rgba[4 * place + 1], rgba[4 * place + 2]];
    if (channels === 1) {
      planes[0][place] = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16; // luma of ITU-R 601
    } else {
      [planes[0][place], planes[1][place], planes[2][place]] = [red, green, blue];
    }
  }
  return planes;
}

/** The pixels of `toHeight` x `toWidth`, plane by plane. */
function fitted(planes, height, width, toHeight, toWidth) {
  const scale = Math.min(toHeight / height, toWidth / width);
  const [rows, columns] = [height, width].map((size) => Math.max(1, toNearest(size * scale)));
  const [top, left] = [Math.floor((toHeight - rows) / 2), Math.floor((toWidth - columns) / 2)];
  const ground = groundOf(planes, height, width);
  const result = new Uint8Array(planes.length * toHeight * toWidth);
  planes.forEach((plane, channel) => {
    const scaled = scaleAndTurn(scaleAndTurn(plane, height, width, columns), columns, height, rows);
    const target = result.subarray(channel * toHeight * toWidth, (channel + 1) * toHeight * toWidth).fill(ground[channel]);
    for (let row = 0; row < rows; row++) {
      target.set(scaled.subarray(row * columns, (row + 1) * columns), (top + row) * toWidth + left);
    }
  });
  return result;
}

/** The median of each plane's border, whose corners count twice. */
function groundOf(planes, height, width) {
  return planes.map((plane) => {
    const border = new Uint8Array(2 * (height + width));
    border.set(plane.subarray(0, width));
    border.set(plane.subarray((height - 1) * width), width);
    for (let row = 0; row < height; row++) {
      border[2 * width + row] = plane[row * width];
      border[2 * width + height + row] = plane[(row + 1) * width - 1];
    }
    border.sort();
    return (border[height + width - 1] + border[height + width]) >> 1;
  });
}

/** Scales each of `lines` rows from `length` to `target` numbers; the rows of the result are columns of the source. */
function scaleAndTurn(plane, lines, length, target) {
  const result = new Uint8Array(lines * target);
  for (let place = 0; place < target; place++) {
    const [first, weights] = windowOf(place, length, target);
    for (let line = 0; line < lines; line++) {
      let sum = 1 << (BITS - 1);
      const from = line * length + first;
      for (let index = 0; index < weights.length; index++) sum += weights[index] * plane[from + index];
      result[place * lines + line] = Math.min(sum >> BITS, 255);
    }
  }
  return result;
}

/** The first number that one of `target` places covers of `length`, and the weights of it and those behind it. */
function windowOf(place, length, target) {
  const scale = length / target;
  const reach = Math.max(scale, 1);
  const centre = (place + 0.5) * scale;
  const first = Math.max(0, Math.trunc(centre - reach + 0.5));
  const end = Math.min(length, Math.trunc(centre + reach + 0.5));
  const shares = Array.from({ length: end - first }, (_, index) =>
    Math.max(0, 1 - Math.abs((index + first - centre + 0.5) * (1 / reach))),
  );
  const sum = shares.reduce((total, share) => total + share, 0);
  return [first, Int32Array.from(shares, (share) => Math.trunc(0.5 + (share / sum) * 2 ** BITS))];
}

/** Rounds as Python does: halves to the even neighbour. */
function toNearest(number) {
  const below = Math.floor(number);
  const rest = number - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
