// Computes the network: steps of four kinds over arrays of numbers, one after another.
//
// A value holds all numbers at one place in the network, channel by channel and row by row. Value 0 is the image, step i
// computes value i + 1, and the last value is the logits. Sums are in 64 bits, values in 32.
"use strict";

/** Reads the JSON that tinymnist writes; the weights become one Float32Array. */
function readNetwork(text) {
  const network = JSON.parse(text);
  const bytes = readBytes(network.weights);
  const view = new DataView(bytes.buffer);
  const weights = new Float32Array(bytes.length / 4);
  for (let index = 0; index < weights.length; index++) weights[index] = view.getFloat32(4 * index, true);
  return { ...network, weights };
}

function readBytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** All values for an image of grey levels 0 to 255. */
function compute(network, pixels) {
  const { mean, std } = network.normalize;
  const values = [Float32Array.from(pixels, (pixel) => (pixel / 255 - mean) / std)];
  for (const step of network.steps) values.push(STEPS[step.kind](network, step, values));
  return values;
}

/** exp(logit) of each class, divided by their sum. */
function softmax(logits) {
  const largest = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** Channels, height and width of a value. */
function shapeOf(network, value) {
  return value === 0 ? network.input : network.steps[value - 1].shape;
}

const STEPS = { convolution, pooling, group_norm: groupNorm, addition };

/** activation(scale * convolution + bias), padded with zeros. Each weight is applied to the whole image in turn. */
function convolution(network, step, values) {
  const source = values[step.source];
  const [channels, height, width] = shapeOf(network, step.source);
  const [outputs, rows, columns] = step.shape;
  const [kernelRows, kernelColumns] = step.kernel;
  const [down, across] = step.stride;
  const [top, left] = step.padding;
  const inputs = channels / step.groups;
  const weight = numbers(network, step.weight);
  const bias = numbers(network, step.bias);
  const scale = step.scale && numbers(network, step.scale);
  const activate = ACTIVATIONS[step.activation];
  const result = new Float32Array(outputs * rows * columns);
  const sums = new Float64Array(rows * columns);
  let next = 0;
  for (let output = 0; output < outputs; output++) {
    sums.fill(0);
    const first = inputs * Math.floor(output / (outputs / step.groups));
    for (let input = first; input < first + inputs; input++) {
      for (let i = 0; i < kernelRows; i++) {
        const [firstRow, endRow] = inside(i - top, down, rows, height);
        for (let j = 0; j < kernelColumns; j++) {
          const [firstColumn, endColumn] = inside(j - left, across, columns, width);
          const factor = weight[next++];
          for (let row = firstRow; row < endRow; row++) {
            const from = (input * height + row * down + i - top) * width + j - left;
            const to = row * columns;
            for (let column = firstColumn; column < endColumn; column++) {
              sums[to + column] += factor * source[from + column * across];
            }
          }
        }
      }
    }
    const factor = scale ? scale[output] : 1;
    for (let place = 0; place < sums.length; place++) {
      result[output * sums.length + place] = activate(factor * sums[place] + bias[output], step.slope);
    }
  }
  return result;
}

/** Which windows (first, end) have their tap `offset` inside the `length` numbers of a row or column. */
function inside(offset, stride, windows, length) {
  const first = Math.max(0, Math.ceil(-offset / stride));
  const end = Math.min(windows, Math.floor((length - 1 - offset) / stride) + 1);
  return [first, end];
}

/** Maximum or average over windows. Padding is never the maximum, and counts as zeros in an average. */
function pooling(network, step, values) {
  const source = values[step.source];
  const [, height, width] = shapeOf(network, step.source);
  const [channels, rows, columns] = step.shape;
  const result = new Float32Array(channels * rows * columns);
  for (let row = 0; row < rows; row++) {
    const vertical = reach(row, 0, step, height);
    for (let column = 0; column < columns; column++) {
      const horizontal = reach(column, 1, step, width);
      for (let channel = 0; channel < channels; channel++) {
        let sum = 0;
        let largest = -Infinity;
        for (let y = vertical.first; y < vertical.end; y++) {
          for (let x = horizontal.first; x < horizontal.end; x++) {
            const number = source[(channel * height + y) * width + x];
            sum += number;
            if (number > largest) largest = number;
          }
        }
        const place = (channel * rows + row) * columns + column;
        result[place] = step.average ? sum / (vertical.size * horizontal.size) : largest;
      }
    }
  }
  return result;
}

/** Where a window begins and ends on an axis; `size` counts the padding, but nothing beyond it. */
function reach(index, axis, step, length) {
  const begin = index * step.stride[axis] - step.padding[axis];
  const end = Math.min(begin + step.kernel[axis], length + step.padding[axis]);
  return { first: Math.max(begin, 0), end: Math.min(end, length), size: end - begin };
}

/** Normalises each group of channels to mean 0 and variance 1, then applies weight and bias per channel. */
function groupNorm(network, step, values) {
  const source = values[step.source];
  const channels = step.shape[0];
  const weight = numbers(network, step.weight);
  const bias = numbers(network, step.bias);
  const activate = ACTIVATIONS[step.activation];
  const result = new Float32Array(source.length);
  const size = source.length / step.groups;
  const plane = source.length / channels;
  for (let begin = 0; begin < source.length; begin += size) {
    let sum = 0;
    for (let place = begin; place < begin + size; place++) sum += source[place];
    const mean = sum / size;
    let squares = 0;
    for (let place = begin; place < begin + size; place++) squares += (source[place] - mean) ** 2;
    const deviation = Math.sqrt(squares / size + step.eps);
    for (let place = begin; place < begin + size; place++) {
      const channel = Math.floor(place / plane);
      const number = ((source[place] - mean) / deviation) * weight[channel] + bias[channel];
      result[place] = activate(number, step.slope);
    }
  }
  return result;
}

/** The sum of two values. */
function addition(network, step, values) {
  const other = values[step.other];
  const activate = ACTIVATIONS[step.activation];
  return values[step.source].map((number, place) => activate(number + other[place], step.slope));
}

/** The weights in the range [first, end). */
function numbers(network, [first, end]) {
  return network.weights.subarray(first, end);
}

const sigmoid = (x) => 1 / (1 + Math.exp(-x));

const ACTIVATIONS = {
  none: (x) => x,
  relu: (x) => Math.max(x, 0),
  relu6: (x) => Math.min(Math.max(x, 0), 6),
  leaky_relu: (x, slope) => (x < 0 ? slope * x : x),
  elu: (x) => (x < 0 ? Math.expm1(x) : x),
  gelu: (x) => 0.5 * x * (1 + erf(x * Math.SQRT1_2)),
  silu: (x) => x * sigmoid(x),
  mish: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
  hardswish: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
  tanh: Math.tanh,
  sigmoid,
};

/** The error function, to 1.5e-7: Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 7.1.26. */
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const series = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - series * Math.exp(-x * x));
}
