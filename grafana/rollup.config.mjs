// Builds dist/ as Grafana loads it: one AMD module, whose libraries the host provides. DIST names another folder.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import esbuild from 'rollup-plugin-esbuild';

const dist = process.env.DIST ?? 'dist';
const external = ['@grafana/data', '@grafana/runtime', '@grafana/schema', '@grafana/ui', 'react', 'react-dom', 'rxjs', 'rxjs/operators'];

/** Puts beside the module what Grafana reads itself. */
const assets = () => ({
  name: 'assets',
  writeBundle() {
    mkdirSync(dist, { recursive: true });
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    const manifest = readFileSync('src/plugin.json', 'utf8');
    const today = new Date().toISOString().slice(0, 10);
    writeFileSync(`${dist}/plugin.json`, manifest.replace('%VERSION%', version).replace('%TODAY%', today));
    for (const folder of ['img', 'dashboards']) {
      cpSync(`src/${folder}`, `${dist}/${folder}`, { recursive: true });
    }
    for (const file of ['README.md', 'CHANGELOG.md']) {
      cpSync(file, `${dist}/${file}`);
    }
    cpSync('../LICENSE', `${dist}/LICENSE`);
    // Pictures that the README or the manifest shows.
    const shown = `${readFileSync('README.md', 'utf8')}${manifest}`;
    for (const [path] of shown.matchAll(/docs\/[\w-]+\.png/g)) {
      cpSync(path, `${dist}/${path}`);
    }
  },
});

export default {
  input: 'src/module.ts',
  external,
  output: { file: `${dist}/module.js`, format: 'amd', sourcemap: true },
  plugins: [
    {
      name: 'resolve',
      // Our own modules are written without their ending.
      async resolveId(source, importer) {
        if (!importer || !source.startsWith('.')) {
          return null;
        }
        for (const ending of ['.ts', '.tsx']) {
          const found = await this.resolve(source + ending, importer, { skipSelf: true });
          if (found) {
            return found;
          }
        }
        return null;
      },
    },
    esbuild({ target: 'es2022', jsx: 'transform' }),
    assets(),
  ],
};
