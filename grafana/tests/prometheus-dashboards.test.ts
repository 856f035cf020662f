// @vitest-environment node
import { readdirSync, readFileSync } from 'node:fs';

import { dashboards, text } from '../tools/prometheus-dashboards.mjs';

const FOLDER = 'dashboards-prometheus';

test('dashboards for Prometheus are those that the tool makes', () => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
  expect(files.sort()).toEqual(Object.keys(dashboards).map((name) => `${name}.json`).sort());
  for (const [name, one] of Object.entries(dashboards)) {
    expect(readFileSync(`${FOLDER}/${name}.json`, 'utf8')).toBe(text(one));
  }
});

test('their panels lie side by side and none over another', () => {
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
