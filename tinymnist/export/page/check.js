// Appended to network.js and run in node: writes the logits of many images as float32, one image after another.
//
// Usage: node THIS NETWORK.json IMAGES LOGITS. One byte per pixel.
const fs = require("node:fs");

const [networkFile, imagesFile, logitsFile] = process.argv.slice(2);
const network = readNetwork(fs.readFileSync(networkFile, "utf8"));
const images = fs.readFileSync(imagesFile);
const [channels, height, width] = network.input;
const size = channels * height * width;
const classes = shapeOf(network, network.steps.length)[0];
const logits = Buffer.alloc((4 * classes * images.length) / size);
for (let image = 0; image * size < images.length; image++) {
  const outputs = compute(network, images.subarray(image * size, (image + 1) * size)).at(-1);
  outputs.forEach((output, index) => logits.writeFloatLE(output, 4 * (image * classes + index)));
}
fs.writeFileSync(logitsFile, logits);
