// Resolves imports as a bundler does: names without an ending, and `@/` for `src/`; of a
// single-file component it takes the script.
import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import { fileURLToPath } from 'node:url';

const src = new URL('./src/', import.meta.url);

export async function resolve(specifier, context, next) {
  if (specifier.startsWith('@/')) return next(new URL(`${specifier.slice(2)}.js`, src).href, context);
  if (/^\.{1,2}\/[^.]+$/.test(specifier)) return next(`${specifier}.js`, context);
  return next(specifier, context);
}

export async function load(url, context, next) {
  if (!url.endsWith('.vue')) return next(url, context);
  const text = await readFile(fileURLToPath(url), 'utf8');
  const source = text.match(/<script>([\s\S]*)<\/script>/)[1];
  return { format: 'module', source, shortCircuit: true };
}

if (process.env.SEED_HOOKS !== 'on') {
  process.env.SEED_HOOKS = 'on';
  register(import.meta.url);
}
