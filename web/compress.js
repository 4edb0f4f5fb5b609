// Writes a Brotli-compressed copy, FILE.br, of each file in a directory; the API serves the copies.
//
//   node compress.js DIRECTORY
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { argv } from "node:process";
import { brotliCompressSync } from "node:zlib";

const files = await readdir(argv[2], { recursive: true, withFileTypes: true });
for (const file of files.filter((each) => each.isFile())) {
  const path = join(file.parentPath, file.name);
  await writeFile(`${path}.br`, brotliCompressSync(await readFile(path)));
}
