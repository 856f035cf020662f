// @vitest-environment node
import { existsSync, readdirSync, readFileSync } from 'node:fs';

import manifest from '../src/plugin.json';
// @ts-expect-error it is no TypeScript
import { dashboards, text } from '../tools/dashboards.mjs';

test('the manifest has what Grafana asks for', () => {
  expect(manifest.id).toMatch(/^[0-9a-z]+-([0-9a-z]+-)?(app|panel|datasource)$/);
  expect(manifest.executable).toMatch(/^gpx_/);
  expect(manifest.alerting && manifest.backend).toBe(true);
  for (const { path } of manifest.includes) {
    expect(existsSync(`src/${path}`)).toBe(true);
  }
  expect(existsSync(`src/${manifest.info.logos.small}`)).toBe(true);
});

test('dashboards are those that the tool makes', () => {
  expect(Object.keys(dashboards).map((name) => `dashboards/${name}.json`).sort()).toEqual(
    manifest.includes.map((one) => one.path).sort()
  );
  for (const [name, one] of Object.entries(dashboards)) {
    expect(readFileSync(`src/dashboards/${name}.json`, 'utf8')).toBe(text(one));
  }
});

test('panels lie side by side and none over another', () => {
  for (const { panels } of Object.values(dashboards) as Array<{ panels: Array<{ gridPos: any }> }>) {
    for (const [at, { gridPos: one }] of panels.entries()) {
      expect(one.x + one.w).toBeLessThanOrEqual(24);
      for (const { gridPos: other } of panels.slice(at + 1)) {
        const apart =
          one.x + one.w <= other.x || other.x + other.w <= one.x || one.y + one.h <= other.y || other.y + other.h <= one.y;
        expect(apart).toBe(true);
      }
    }
  }
});

test('pictures of the README are there, and none that it does not name', () => {
  const named = [...readFileSync('README.md', 'utf8').matchAll(/\(docs\/([\w-]+\.png)\)/g)].map(([, name]) => name);
  expect(named.sort()).toEqual(readdirSync('docs').sort());
});
