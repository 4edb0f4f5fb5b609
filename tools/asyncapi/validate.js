// Validates AsyncAPI documents with the official parser.
//
//   node validate.js FILE...
//
// Prints a JSON object: for each file the list of its errors and warnings. Exit code 1 if any has one.
import { Parser } from "@asyncapi/parser";
import { readFile } from "node:fs/promises";
import process from "node:process";

const parser = new Parser();
const found = {};
for (const file of process.argv.slice(2)) {
  const diagnostics = await parser.validate(await readFile(file, "utf8"));
  found[file] = diagnostics.map(({ code, message, path, severity }) => ({
    code,
    message,
    path: path.join("/"),
    severity,
  }));
}
process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
process.exitCode = Object.values(found).some((one) => one.length > 0) ? 1 : 0;
