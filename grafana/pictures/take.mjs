// Takes a picture of each scene of page.tsx in both themes: `node pictures/take.mjs [FOLDER]`, docs/ for
// those that are kept, and all of them into FOLDER if one is given. Fails if a scene writes an error.
//
// With `--frames FRAMES`, a folder in which tools/host kept frames of the demo, it takes pictures of dashboards
// instead, of panels drawn outside of Grafana (dashboard.tsx).
import { createReadStream, existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { parseArgs } from 'node:util';

import { build } from 'esbuild';
import { chromium } from 'playwright-core';

import { framesOf } from '../tools/arrow.mjs';
import { dashboards } from '../tools/dashboards.mjs';
import { withValues } from '../tools/values.mjs';

/** Pictures that the README shows or names. */
const KEPT = [
  'query-drift-dark',
  'query-label-delay-light',
  'query-series-dark',
  'query-comparison-light',
  'query-empty-dark',
  'query-loading-light',
  'query-error-light',
  'query-alerts-dark',
  'annotation-dark',
  'variable-values-dark',
  'settings-filled-light',
  'settings-wrong-dark',
];
const KEPT_DASHBOARDS = ['summary-dark', 'drift-light', 'performance-dark'];
/** What the variables that list something are in pictures. */
const VALUES = { model: 'fraud-demo', feature: 'amount', by: 'version', series: 'prevented_loss_eur', baseline: '1' };
const ICONS = 'node_modules/@grafana/ui/dist/public/img/icons';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

const { values, positionals } = parseArgs({ options: { frames: { type: 'string' } }, allowPositionals: true });
const [all] = positionals;
/** Grafana's modules take the default of this one as bundlers of the web do, and esbuild as Node does. */
const scrollbars = {
  name: 'scrollbars',
  setup(build) {
    build.onResolve({ filter: /^react-custom-scrollbars-2$/ }, () => ({ path: 'scrollbars', namespace: 'scrollbars' }));
    build.onLoad({ filter: /.*/, namespace: 'scrollbars' }, () => ({
      contents: `export { Scrollbars as default, Scrollbars } from './node_modules/react-custom-scrollbars-2/lib/index.js'`,
      resolveDir: process.cwd(),
    }));
  },
};
const bundle = await build({
  plugins: [scrollbars],
  entryPoints: [values.frames ? 'pictures/dashboard.tsx' : 'pictures/page.tsx'],
  bundle: true,
  write: false,
  format: 'iife',
  jsx: 'transform',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.css': 'empty', '.svg': 'dataurl' },
  logLevel: 'error',
});
const script = bundle.outputFiles[0].text;
const page = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><link rel="stylesheet" href="/uplot.css"><div id="root"></div><script src="/page.js"></script>';

/** A dashboard with the frames of its panels, as JSON. */
function filled(name) {
  const { panels, templating } = dashboards[name];
  const frames = panels.map(({ id, targets = [] }) => [
    id,
    targets.flatMap(({ refId }) => framesOf(values.frames, `${name}.${id}.${refId}`)),
  ]);
  return JSON.stringify({ panels: withValues(panels, templating.list, VALUES), frames: Object.fromEntries(frames) });
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  const icon = normalize(join(ICONS, pathname.replace('/public/build/img/icons', '')));
  if (pathname === '/') {
    response.setHeader('Content-Type', 'text/html').end(page);
  } else if (pathname === '/page.js') {
    response.setHeader('Content-Type', 'text/javascript').end(script);
  } else if (pathname === '/uplot.css') {
    createReadStream('node_modules/uplot/dist/uPlot.min.css').pipe(response.setHeader('Content-Type', 'text/css'));
  } else if (pathname === '/dashboard') {
    response.setHeader('Content-Type', 'application/json').end(filled(searchParams.get('name')));
  } else if (pathname.endsWith('.svg') && icon.startsWith(ICONS) && existsSync(icon)) {
    createReadStream(icon).pipe(response.setHeader('Content-Type', 'image/svg+xml'));
  } else {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
mkdirSync(all ?? 'docs', { recursive: true });
const errors = [];
try {
  const tab = await browser.newPage({ viewport: { width: values.frames ? 1640 : 1212, height: 700 } });
  tab.on('pageerror', (error) => errors.push(error.message));
  let scenes = Object.keys(dashboards);
  if (!values.frames) {
    await tab.goto(address);
    scenes = await tab.evaluate(() => window.scenes);
  }
  for (const scene of scenes) {
    for (const theme of ['dark', 'light']) {
      const name = `${scene}-${theme}`;
      if (!all && ![...KEPT, ...KEPT_DASHBOARDS].includes(name)) {
        continue;
      }
      await tab.goto(`${address}?${values.frames ? 'name' : 'scene'}=${scene}&theme=${theme}`);
      // Icons come one by one.
      await tab.waitForLoadState('networkidle');
      const path = `${all ?? 'docs'}/${values.frames ? 'dashboard-' : ''}${name}.png`;
      await tab.locator('#picture').screenshot({ path, animations: 'disabled' });
      console.log(name);
    }
  }
} finally {
  await browser.close();
  server.close();
}
if (errors.length) {
  console.error(errors.join('\n'));
  process.exit(1);
}
