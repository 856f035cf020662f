// @vitest-environment node
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';

import { ZipFile } from 'yazl';

import { mistakesOf } from '../tools/check.mjs';

const ID = 'driftline-driftline-datasource';
const folder = mkdtempSync(join(tmpdir(), 'driftline-package-'));
let files: Record<string, string> = {};
let program = '';

beforeAll(() => {
  writeFileSync(join(folder, 'backend'), '#!/bin/sh\n');
  execFileSync(process.execPath, ['tools/package.mjs', '--backend', join(folder, 'backend'), '--out', folder]);
  const root = join(folder, ID);
  const names = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
  files = Object.fromEntries(names.map((name) => [name, readFileSync(join(root, name), 'latin1')]));
  program = names.find((name) => name.startsWith('gpx_')) ?? '';
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

/** What is wrong with the plugin after a change of its files; the program gets a mode. */
async function after(change: (files: Record<string, string>) => void, { mode = 0o100755, root = ID } = {}) {
  const changed = { ...files };
  change(changed);
  const zip = new ZipFile();
  for (const [name, text] of Object.entries(changed)) {
    zip.addBuffer(Buffer.from(text, 'latin1'), `${root}/${name}`, { mode: name === program ? mode : 0o100644 });
  }
  zip.end();
  const path = join(folder, 'changed.zip');
  await pipeline(zip.outputStream, createWriteStream(path));
  return mistakesOf(path);
}

/** A change of plugin.json. */
const manifest = (change: (plugin: any) => void) => (files: Record<string, string>) => {
  const plugin = JSON.parse(files['plugin.json'] ?? '');
  change(plugin);
  files['plugin.json'] = JSON.stringify(plugin);
};

test('a package has a version, a program that may be executed and a checksum that fits', async () => {
  const [zip = ''] = readdirSync(folder).filter((name) => /^driftline-driftline-datasource-\d+\.\d+\.\d+\.\w+\.zip$/.test(name));
  const hash = createHash('sha256').update(readFileSync(join(folder, zip))).digest('hex');
  expect(readFileSync(join(folder, `${zip}.sha256`), 'utf8')).toBe(`${hash}  ${zip}\n`);
  expect(await mistakesOf(join(folder, zip))).toEqual([]);
  expect(statSync(join(folder, ID, program)).mode & 0o111).toBe(0o111);
  expect(files['plugin.json']).not.toContain('%');
  expect(Object.keys(files)).toEqual(expect.arrayContaining(['module.js', 'README.md', 'CHANGELOG.md', 'LICENSE', 'img/logo.svg']));
});

test.each<[string, (files: Record<string, string>) => void]>([
  ['id must be', manifest((plugin) => (plugin.id = 'Driftline'))],
  ['id must end in the type', manifest((plugin) => (plugin.type = 'panel'))],
  ['info.version', manifest((plugin) => (plugin.info.version = '%VERSION%'))],
  ['info.updated', manifest((plugin) => (plugin.info.updated = '%TODAY%'))],
  ['info.keywords', manifest((plugin) => (plugin.info.keywords = []))],
  ['info.links', manifest((plugin) => (plugin.info.links[0].url = 'http://x'))],
  ['grafanaDependency', manifest((plugin) => (plugin.dependencies = {}))],
  ['info.screenshots shows nothing', manifest((plugin) => (plugin.info.screenshots = []))],
  ['names img/none.svg', manifest((plugin) => (plugin.info.logos.large = 'img/none.svg'))],
  ['names dashboards/none.json', manifest((plugin) => plugin.includes.push({ path: 'dashboards/none.json' }))],
  ['executable must begin', manifest((plugin) => (plugin.executable = 'driftline'))],
  ['plugin.json does not read', (files) => (files['plugin.json'] = '{')],
  ['LICENSE is missing', (files) => delete files.LICENSE],
  ['CHANGELOG.md is missing', (files) => (files['CHANGELOG.md'] = '')],
  ['links to docs/none.png', (files) => (files['README.md'] += '![x](docs/none.png)')],
  ['must be an AMD module', (files) => (files['module.js'] = 'import "react"')],
  ['asks for left-pad', (files) => (files['module.js'] = 'define(["react", "left-pad"], () => {})')],
  ['evaluates text', (files) => (files['module.js'] += ';eval("1")')],
  ['.env does not belong', (files) => (files['.env'] = 'x')],
])('it is told that %s', async (told, change) => {
  expect((await after(change)).join('\n')).toContain(told);
});

test('a program that is missing or may not be executed is told, and so is a folder of another name', async () => {
  expect(await after(() => undefined)).toEqual([]);
  expect((await after((files) => delete files[program])).join()).toContain('there is no program');
  expect((await after(() => undefined, { mode: 0o100644 })).join()).toContain('may not be executed');
  expect((await after(() => undefined, { root: 'other' })).join()).toContain(`it must be the id, ${ID}`);
});
