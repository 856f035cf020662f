// @ts-check
// Writes src/dashboards/*.json: `node tools/dashboards.mjs`. What is written is kept in the repository,
// and a test checks that it is what this makes.
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import { alerts } from './dashboards/alerts.mjs';
import { comparison } from './dashboards/comparison.mjs';
import { drift } from './dashboards/drift.mjs';
import { fleet } from './dashboards/fleet.mjs';
import { model } from './dashboards/model.mjs';
import { operations } from './dashboards/operations.mjs';
import { performance } from './dashboards/performance.mjs';
import { quality } from './dashboards/quality.mjs';
import { series } from './dashboards/series.mjs';
import { summary } from './dashboards/summary.mjs';

export const dashboards = { summary, fleet, model, performance, drift, quality, operations, comparison, series, alerts };

/** @param {object} one */
export const text = (one) => `${JSON.stringify(one, null, 2)}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [name, one] of Object.entries(dashboards)) {
    writeFileSync(new URL(`../src/dashboards/${name}.json`, import.meta.url), text(one));
  }
}
