// @ts-check
// What is wrong with a packed plugin, in the place of Grafana's plugin-validator, which is a program that cannot be
// had everywhere. The rules are those that its documentation and that of plugin.json state.
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import yauzl from 'yauzl';

/** Libraries that Grafana gives to a module, and what AMD itself has. */
const GIVEN = [
  '@grafana/data', '@grafana/runtime', '@grafana/schema', '@grafana/ui', '@grafana/i18n', '@emotion/css', '@emotion/react',
  'd3', 'i18next', 'jquery', 'lodash', 'moment', 'prismjs', 'react', 'react/jsx-runtime', 'react-dom', 'react-redux',
  'react-router', 'redux', 'rxjs', 'rxjs/operators', 'slate', 'slate-plain-serializer', 'slate-react', 'exports', 'module',
];
/** A plugin that is larger than this is not taken by anybody. */
const SIZE_MAX = 100e6;
const PROGRAM = /^gpx_\w+_(linux|darwin|windows)_(amd64|arm64)(\.exe)?$/;

/** @typedef {{ bytes: Buffer, mode: number }} File */

/**
 * The files of an archive by name, with their modes.
 * @param {string} path @returns {Promise<Map<string, File>>}
 */
async function read(path) {
  const archive = await promisify((/** @type {string} */ from, /** @type {(error: Error | null, zip: yauzl.ZipFile) => void} */ done) =>
    yauzl.open(from, { lazyEntries: true }, done)
  )(path);
  const files = new Map();
  return new Promise((done, failed) => {
    archive.on('error', failed);
    archive.on('end', () => done(files));
    archive.on('entry', (/** @type {yauzl.Entry} */ entry) => {
      archive.openReadStream(entry, (error, stream) => {
        if (error) {
          return failed(error);
        }
        const parts = /** @type {Buffer[]} */ ([]);
        stream.on('error', failed);
        stream.on('data', (part) => parts.push(part));
        stream.on('end', () => {
          files.set(entry.fileName, { bytes: Buffer.concat(parts), mode: entry.externalFileAttributes >>> 16 });
          archive.readEntry();
        });
      });
    });
    archive.readEntry();
  });
}

/**
 * Sentences of what is wrong; none if all is well.
 * @param {string} path of a zip @returns {Promise<string[]>}
 */
export async function mistakesOf(path) {
  const packed = await read(path);
  const roots = [...new Set([...packed.keys()].map((name) => name.split('/')[0] ?? ''))];
  const [root = ''] = roots;
  const files = new Map([...packed].map(([name, file]) => [name.slice(root.length + 1), file]));
  const manifest = files.get('plugin.json');
  if (roots.length !== 1 || !manifest) {
    return [`the archive has the folders ${roots.join(', ')}; it must have one, with plugin.json in it`];
  }
  let plugin;
  try {
    plugin = JSON.parse(manifest.bytes.toString());
  } catch (error) {
    return [`plugin.json does not read: ${error}`];
  }
  const size = [...files.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  return [
    ...(root === plugin.id ? [] : [`the folder is ${root}; it must be the id, ${plugin.id}`]),
    ...(size <= SIZE_MAX ? [] : [`all files have ${size} bytes; they may have ${SIZE_MAX}`]),
    ...manifestMistakes(plugin, files),
    ...textMistakes(files),
    ...moduleMistakes(files.get('module.js')?.bytes.toString() ?? ''),
    ...programMistakes(plugin, files),
    ...[...files.keys()].filter((name) => /(^|\/)(\.|node_modules)/.test(name)).map((name) => `${name} does not belong into a plugin`),
  ];
}

/**
 * @param {any} plugin @param {Map<string, File>} files
 */
function manifestMistakes(plugin, files) {
  const info = plugin.info ?? {};
  const text = (/** @type {unknown} */ value) => typeof value === 'string' && value !== '';
  /** @type {Array<[unknown, string]>} */
  const rules = [
    [/^[0-9a-z]+-([0-9a-z]+-)?(app|panel|datasource)$/.test(plugin.id), 'id must be ORGANISATION-NAME-datasource in small letters and digits'],
    [plugin.id?.endsWith(plugin.type), 'id must end in the type'],
    [text(plugin.name), 'name is missing'],
    [text(info.description), 'info.description is missing'],
    [text(info.author?.name), 'info.author.name is missing'],
    [info.keywords?.length > 0, 'info.keywords has no word'],
    [/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(info.version), 'info.version must be a version such as 1.0.0'],
    [/^\d{4}-\d{2}-\d{2}$/.test(info.updated), 'info.updated must be a day such as 2026-01-31'],
    [info.links?.every((/** @type {any} */ link) => text(link.name) && /^https:\/\//.test(link.url)), 'info.links must have a name and an https:// address each'],
    [info.screenshots?.length > 0, 'info.screenshots shows nothing'],
    [info.screenshots?.every((/** @type {any} */ one) => text(one.name)), 'info.screenshots must have a name each'],
    [/^>=?\d+\.\d+/.test(plugin.dependencies?.grafanaDependency), 'dependencies.grafanaDependency must be a range such as >=12.3.0'],
    [!plugin.alerting || plugin.backend, 'alerting needs backend'],
  ];
  const named = [
    info.logos?.small,
    info.logos?.large,
    ...(info.screenshots ?? []).map((/** @type {any} */ one) => one.path),
    ...(plugin.includes ?? []).map((/** @type {any} */ one) => one.path),
  ];
  return [
    ...rules.filter(([isSo]) => !isSo).map(([, sentence]) => `plugin.json: ${sentence}`),
    ...named.filter((path) => !files.has(path)).map((path) => `plugin.json names ${path}, which is not there`),
  ];
}

/** @param {Map<string, File>} files */
function textMistakes(files) {
  const mistakes = ['README.md', 'CHANGELOG.md', 'LICENSE']
    .filter((name) => !files.get(name)?.bytes.length)
    .map((name) => `${name} is missing or empty`);
  const readme = files.get('README.md')?.bytes.toString() ?? '';
  const linked = [...readme.matchAll(/\]\((?!https:\/\/|#)([^)]+)\)/g)].map(([, path]) => path ?? '');
  return [...mistakes, ...linked.filter((path) => !files.has(path)).map((path) => `README.md links to ${path}, which is not there`)];
}

/** @param {string} code of module.js */
function moduleMistakes(code) {
  const list = /^define\(\[([^\]]*)\]/.exec(code)?.[1];
  if (list === undefined) {
    return ['module.js must be an AMD module, define([..], ..)'];
  }
  const asked = [...list.matchAll(/['"]([^'"]+)['"]/g)].map(([, name]) => name ?? '');
  return [
    ...asked.filter((name) => !GIVEN.includes(name)).map((name) => `module.js asks for ${name}, which Grafana does not give`),
    ...(/\beval\(|\bnew Function\(/.test(code) ? ['module.js evaluates text as code'] : []),
  ];
}

/** @param {any} plugin @param {Map<string, File>} files */
function programMistakes(plugin, files) {
  if (!plugin.backend) {
    return [];
  }
  const programs = [...files].filter(([name]) => PROGRAM.test(name) && name.startsWith(`${plugin.executable}_`));
  const fit = /^gpx_/.test(plugin.executable) ? [] : ['plugin.json: executable must begin with gpx_'];
  const none = programs.length > 0 ? [] : [`there is no program such as ${plugin.executable}_linux_amd64`];
  const unfit = programs.filter(([, { mode }]) => (mode & 0o111) !== 0o111).map(([name]) => `${name} may not be executed`);
  return [...fit, ...none, ...unfit];
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const mistakes = await mistakesOf(process.argv[2] ?? '');
  console.log(mistakes.length > 0 ? mistakes.join('\n') : 'nothing is wrong');
  process.exitCode = mistakes.length > 0 ? 1 : 0;
}
