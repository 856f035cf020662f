// @ts-check
// Makes the plugin as others can install it: `npm run package`, in this folder. Builds the front end and the back end
// for this machine, lays them out as Grafana reads them, and packs that as package/ID-VERSION.SYSTEM_PROCESSOR.zip
// with its SHA-256 beside it. What is packed is checked (tools/check.mjs).
//
//   node tools/package.mjs [--backend FILE] [--out FOLDER]
//
// --backend takes a program that is built already, --out another folder than package/.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, createWriteStream, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { ZipFile } from 'yazl';

import { mistakesOf } from './check.mjs';

const HERE = fileURLToPath(new URL('..', import.meta.url));
const PROCESSORS = /** @type {Record<string, string>} */ ({ x64: 'amd64', arm64: 'arm64' });
const SYSTEMS = /** @type {Record<string, string>} */ ({ linux: 'linux', darwin: 'darwin', win32: 'windows' });

/** The system and processor as Grafana writes them. */
function platform() {
  const [system, processor] = [SYSTEMS[process.platform], PROCESSORS[process.arch]];
  if (!system || !processor) {
    throw new Error(`Grafana has no name for ${process.platform} on ${process.arch}; there are linux, darwin and windows on amd64 and arm64`);
  }
  return { system, processor };
}

/** Builds the back end and gives its path, as cargo tells it. */
function built() {
  const arguments_ = ['build', '--release', '--locked', '--package', 'driftline-grafana', '--message-format', 'json-render-diagnostics'];
  const told = execFileSync('cargo', arguments_, { cwd: join(HERE, '..'), stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 28 });
  const programs = told.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line).executable).filter(Boolean);
  const program = programs.find((path) => /gpx_driftline(\.exe)?$/.test(path));
  if (!program) {
    throw new Error('cargo told of no program gpx_driftline');
  }
  return program;
}

/** @param {string} folder @returns {string[]} */
const filesOf = (folder) =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesOf(path) : [path];
  });

const { values } = parseArgs({ options: { backend: { type: 'string' }, out: { type: 'string' } } });
const out = values.out ?? join(HERE, 'package');
const { id } = JSON.parse(readFileSync(join(HERE, 'src/plugin.json'), 'utf8'));
const folder = join(out, id);
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

execFileSync(process.execPath, ['node_modules/rollup/dist/bin/rollup', '-c', '--silent'], {
  cwd: HERE,
  stdio: 'inherit',
  env: { ...process.env, DIST: folder },
});
const manifest = JSON.parse(readFileSync(join(folder, 'plugin.json'), 'utf8'));
const { system, processor } = platform();
const program = `${manifest.executable}_${system}_${processor}${system === 'windows' ? '.exe' : ''}`;
copyFileSync(values.backend ?? built(), join(folder, program));
chmodSync(join(folder, program), 0o755);

const zip = new ZipFile();
for (const path of filesOf(folder).sort()) {
  const mode = path.endsWith(program) ? 0o100755 : 0o100644;
  zip.addFile(path, `${id}/${relative(folder, path).replaceAll('\\', '/')}`, { mode });
}
zip.end();
const packed = join(out, `${id}-${manifest.info.version}.${system}_${processor}.zip`);
await pipeline(zip.outputStream, createWriteStream(packed));
const mistakes = await mistakesOf(packed);
if (mistakes.length > 0) {
  console.error(`${packed} is not right:\n${mistakes.join('\n')}`);
  process.exit(1);
}
const hash = createHash('sha256').update(readFileSync(packed)).digest('hex');
// As sha256sum -c reads it.
writeFileSync(`${packed}.sha256`, `${hash}  ${packed.slice(out.length + 1)}\n`);
console.log(`${packed}: ${(statSync(packed).size / 1e6).toFixed(1)} MB, sha256 ${hash}`);
