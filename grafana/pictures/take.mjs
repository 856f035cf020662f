// Takes a picture of each scene of page.tsx in both themes: `node pictures/take.mjs [FOLDER]`, docs/ for
// those that are kept, and all of them into FOLDER if one is given. Fails if a scene writes an error.
import { createReadStream, existsSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';

import { build } from 'esbuild';
import { chromium } from 'playwright-core';

/** Pictures that the README shows or names. */
const KEPT = ['query-filled-dark', 'query-alerts-dark', 'query-error-light', 'settings-light'];
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

const bundle = await build({
  entryPoints: ['pictures/page.tsx'],
  bundle: true,
  write: false,
  format: 'iife',
  jsx: 'transform',
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.css': 'empty', '.svg': 'dataurl' },
  logLevel: 'error',
});
const script = bundle.outputFiles[0].text;
const page = '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><div id="root"></div><script src="/page.js"></script>';

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  const icon = normalize(join(ICONS, pathname.replace('/public/build/img/icons', '')));
  if (pathname === '/') {
    response.setHeader('Content-Type', 'text/html').end(page);
  } else if (pathname === '/page.js') {
    response.setHeader('Content-Type', 'text/javascript').end(script);
  } else if (pathname.endsWith('.svg') && icon.startsWith(ICONS) && existsSync(icon)) {
    createReadStream(icon).pipe(response.setHeader('Content-Type', 'image/svg+xml'));
  } else {
    response.writeHead(404).end();
  }
});
await new Promise((done) => server.listen(0, '127.0.0.1', done));
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS });
const all = process.argv[2];
mkdirSync(all ?? 'docs', { recursive: true });
const errors = [];
try {
  const tab = await browser.newPage({ viewport: { width: 1212, height: 700 } });
  tab.on('pageerror', (error) => errors.push(error.message));
  await tab.goto(address);
  for (const scene of await tab.evaluate(() => window.scenes)) {
    for (const theme of ['dark', 'light']) {
      const name = `${scene}-${theme}`;
      if (!all && !KEPT.includes(name)) {
        continue;
      }
      await tab.goto(`${address}?scene=${scene}&theme=${theme}`);
      // Icons come one by one.
      await tab.waitForLoadState('networkidle');
      await tab.locator('#picture').screenshot({ path: `${all ?? 'docs'}/${name}.png`, animations: 'disabled' });
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
